"""The published jars of Apache Kafka and the Java that runs them."""

import re
import shutil
import subprocess
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from infra.broker import BrokerError

KAFKA_VERSION: Final = "4.1.1"
"""As in kafka_pom.xml."""

JARS: Final = Path("build/kafka/libs")
"""Where the jars are kept, below the folder a command runs in."""

_JAVA_NEEDED: Final = 17
_DEBIAN: Final = "on Debian: apt-get install openjdk-17-jre-headless maven"


def java() -> str:
    """Path of a Java 17 or later.

    Raises:
        BrokerError: there is none.

    """
    found = shutil.which("java")
    if found is None:
        raise BrokerError(f"Apache Kafka needs Java {_JAVA_NEEDED}, and no java is on the PATH; {_DEBIAN}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    if version is None or int(version[1]) < _JAVA_NEEDED:
        is_now = version[1] if version else "unknown"
        raise BrokerError(f"Apache Kafka needs Java {_JAVA_NEEDED}, and {found} is Java {is_now}; {_DEBIAN}")
    return found


def kafka_jars(folder: Path = JARS) -> Path:
    """Folder with the jars, fetched by Maven the first time (46 jars, 43 MB).

    Raises:
        BrokerError: they are not there and Maven is missing or could not fetch them.

    """
    if (folder / f"kafka_2.13-{KAFKA_VERSION}.jar").is_file():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError(f"Maven fetches the jars of Apache Kafka, and no mvn is on the PATH; {_DEBIAN}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Fetched beside and moved in whole: an interrupted fetch must not pass for a full set of jars.
    with (
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as fetched,
        as_file(files("infra").joinpath("kafka_pom.xml")) as pom,
    ):
        jars = Path(fetched) / "libs"
        goal = [
            maven,
            "-q",
            "-B",
            "-f",
            str(pom),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={jars.absolute()}",
        ]
        said = subprocess.run(goal, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
        if said.returncode != 0:
            why = "\n".join((said.stdout + said.stderr).splitlines()[-15:])
            raise BrokerError(f"Maven could not fetch the jars of Apache Kafka {KAFKA_VERSION}:\n{why}")
        if folder.exists():
            shutil.rmtree(folder)
        jars.rename(folder)
    return folder
