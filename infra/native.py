"""Compiles the engine with mypyc, where a C compiler is; without it the same sources run as plain Python.

    python -m infra.native            # make native
    python -m infra.native --remove

What is compiled is said and kept as by plain Python, word for word and bit for bit: `tests/test_native.py`.
"""

import argparse
import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from schemas.compiled import FOLDERS, GROUP, MADE_OF, PLACE, PURE, ROOT, made_of

OPTIMIZE: Final = "2"
OF_SCHEMAS: Final = frozenset({"checks.py", "decode.py", "event.py", "partitions.py", "times.py", "topics.py"})
"""What the engine calls for every record; the others of schemas/ describe and are read by name."""
WITHIN: Final = ("streams", "load_tests")
"""Packages of which only those inside are compiled."""
HELD_ON: Final = (3, 11)
"""The Python of the image and of CI."""
MADE_BY_OTHERS: Final = frozenset({"Struct", "StrEnum", "IntEnum", "Enum"})
"""Bases whose classes are made by a metaclass of their own: mypyc would write their annotations anew. They stay as they are."""
SETTINGS: Final = """\
[mypy]
# numpy's types take minutes to read and tell a compiler nothing.
disable_error_code = var-annotated
cache_dir = {cache}
[mypy-numpy.*]
follow_imports = skip
[mypy-river.*]
follow_imports = skip
[mypy-load_tests.*]
# A message's type is plain Python and not copied here.
ignore_missing_imports = True
"""
WRONG: Final = re.compile(
    r"!= -113\.0 && PyErr_Occurred\(\)\)\) goto \w+;\s+PyErr_SetString\(PyExc_NameError, \"value for final name \\\"(\w+)"
)
"""mypyc 2.4.1 takes a constant tuple that begins with a float for one that was never set: it fails when it is read."""


DIRECT: Final = (("-fno-semantic-interposition", "-fvisibility=hidden", "-ffp-contract=off"), ("-Wl,-Bsymbolic",))
"""For the compiler and the linker of Linux: no other library takes a function's place, so calls within the library go straight.
And no product and sum become one step, as they would on ARM: they are rounded apart in plain Python, and each bit is kept."""
SLICE: Final = ("Py_ssize_t slice_len = endn - startn;", "Py_ssize_t slice_len = endn > startn ? endn - startn : 0;")
"""mypyc 2.4.1 fails where a slice of bytes ends before it begins; Python gives no bytes. The line is mended before it is compiled."""


class NativeError(Exception):
    """Why nothing was compiled, in one line."""


def lacking() -> str | None:
    """Say what a compiler needs and is not here; None where everything is."""
    if sys.version_info[:2] != HELD_ON:
        return f"it is held against plain Python on {'.'.join(map(str, HELD_ON))} alone: from 3.12 on sums of floats are made another way"
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    compiler = shlex.split(os.environ.get("CC", compiler))[0]
    if shutil.which(compiler) is None:
        return f"there is no C compiler ({compiler}); on Debian: apt-get install gcc libc6-dev"
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        return "Python's headers are not here; on Debian: apt-get install python3-dev"
    try:
        import mypyc.build  # noqa: F401, PLC0415 - only who compiles has it
        import setuptools  # noqa: F401, PLC0415
    except ImportError as error:
        return f"{error.name} is not installed; pip install 'anbu[native]'"
    return None


def modules(root: Path = ROOT) -> list[str]:
    """Return the files that are compiled, relative to the root."""
    return [
        str(file.relative_to(root))
        for folder in FOLDERS
        for file in sorted((root / folder).glob("*.py"))
        if file.name != "__init__.py" and (folder != "schemas" or file.name in OF_SCHEMAS) and not _is_kept(file)
    ]


def _is_kept(file: Path) -> bool:
    """Tell whether a module stays plain Python for a class that it defines: keywords of a class would be lost as well."""
    classes = (node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, ast.ClassDef))
    return any(
        one.keywords or any(getattr(base, "attr", getattr(base, "id", "")) in MADE_BY_OTHERS for base in one.bases)
        for one in classes
    )


def build(place: Path = PLACE) -> float:
    """Compile the engine into a folder that takes the place of a former one; return the seconds it took.

    Raises:
        NativeError: something needed is not here, or the compiler refuses a module.

    """
    if lack := lacking():
        raise NativeError(lack)
    began_s = time.monotonic()
    sources = made_of()
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix="native-") as name:
        folder = Path(name)
        done = subprocess.run(  # noqa: S603 - our own program; mypyc leaves the process when it refuses something
            [sys.executable, "-m", "infra.native", "--into", str(folder)],
            cwd=copied(folder / "sources"),
            env={**os.environ, "PYTHONPATH": str(ROOT), PURE: "1"},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if ": warning: " not in line]
            raise NativeError("\n".join(["the compiler refused:", *said]))
        (folder / "made" / MADE_OF).write_text(sources, encoding="ascii")
        shutil.rmtree(place, ignore_errors=True)
        (folder / "made").rename(place)
    return time.monotonic() - began_s


def copied(folder: Path) -> Path:
    """Copy what is compiled, and what it is made of, into a folder; mypy refuses to work within an environment's packages."""
    for one in (*WITHIN, *FOLDERS):
        into = folder / one
        into.mkdir(parents=True)
        for file in (ROOT / one).glob("__init__.py" if one in WITHIN else "*.py"):
            shutil.copy(file, into)
    return folder


def _compile(folder: Path) -> None:
    """Translate and compile into the folder `made` of a folder; the working directory holds the sources."""
    from mypyc.build import mypycify  # noqa: PLC0415 - only who compiles has it
    from setuptools._distutils.ccompiler import new_compiler  # noqa: PLC0415
    from setuptools._distutils.sysconfig import customize_compiler  # noqa: PLC0415

    settings = folder / "mypy.ini"
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    settings.write_text(SETTINGS.format(cache=folder / "cache"), encoding="utf-8")
    parts = mypycify(
        [f"--config-file={settings}", *modules()],
        opt_level=OPTIMIZE,
        debug_level="0",
        multi_file=True,
        target_dir=str(folder / "c"),
        group_name=GROUP.removesuffix("__mypyc"),
    )
    slices = folder / "c" / "bytes_ops.c"
    slices.write_text(slices.read_text(encoding="utf-8").replace(*SLICE), encoding="utf-8")
    for file in (folder / "c").glob("*.c"):
        if wrong := WRONG.search(file.read_text(encoding="utf-8")):
            raise NativeError(f"{wrong[1]} in {file.stem} is a constant tuple that begins with a float: annotate it")

    compiling, linking = DIRECT if sys.platform == "linux" else ((), ())

    def compiled(part: Any, source: str) -> str:
        compiler = new_compiler()
        customize_compiler(compiler)
        include = [sysconfig.get_path("include"), *part.include_dirs]
        made: list[str] = compiler.compile(
            [source], str(folder / "o"), include_dirs=include, extra_postargs=[*part.extra_compile_args, *compiling]
        )
        return made[0]

    linker = new_compiler()
    customize_compiler(linker)
    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        objects = [[at_once.submit(compiled, part, source) for source in part.sources] for part in parts]
        for part, those in zip(parts, objects, strict=True):
            out = folder.joinpath("made", *part.name.split("."))
            out.parent.mkdir(parents=True, exist_ok=True)
            linker.link_shared_object(
                [one.result() for one in those],
                f"{out}{suffix}",
                extra_postargs=[*linking, *part.extra_link_args],
            )


def main(arguments: list[str] | None = None) -> int:
    """Compile, remove or say what is there; exit code 1 where nothing could be compiled."""
    parser = argparse.ArgumentParser(prog="python -m infra.native", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="plain Python again")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.remove:
        shutil.rmtree(PLACE, ignore_errors=True)
        return 0
    try:
        if asked.into:
            _compile(asked.into)
            return 0
        took_s = build()
    except NativeError as error:
        sys.stderr.write(f"{error}\n" if asked.into else f"nothing was compiled, plain Python runs: {error}\n")
        return 1
    sys.stdout.write(f"{len(modules())} modules compiled in {took_s:.0f} s; the engine is {_said_anew()}\n")
    return 0


def _said_anew() -> str:
    """Ask a new process what runs: this one began with what was there before."""
    command = [sys.executable, "-c", "from schemas.compiled import state; print(state())"]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
