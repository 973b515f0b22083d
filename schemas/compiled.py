"""Which modules run compiled: what `make native` has built is used where it was built of these very sources.

Compiled modules lie apart from their sources and are looked for first. Whoever has edited a source since gets plain Python
again, never an engine that is not what stands in the checkout.
"""

import os
import sys
from functools import lru_cache
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_: object) -> Any:
        """Return what leaves a class as it is: what a compiler is told of it, plain Python need not know."""
        return lambda one: one


__all__ = [
    "COMPILED",
    "FOLDERS",
    "GROUP",
    "MADE_OF",
    "PLACE",
    "PURE",
    "ROOT",
    "first",
    "is_compiled",
    "made_of",
    "mypyc_attr",
    "state",
]

ROOT: Final = Path(__file__).resolve().parents[1]
PLACE: Final = ROOT / "build" / "native" if (ROOT / "pyproject.toml").exists() else ROOT / "anbu_native"
"""Where compiled modules lie: under build/ of a checkout, beside the packages where Anbu is installed."""
GROUP: Final = "anbu__mypyc"
"""The library of all compiled modules; each module's own file only names its place in it."""
MADE_OF: Final = "made-of"
"""File with the digest of the sources and of the Python for which they were compiled."""
FOLDERS: Final = ("schemas", "detectors", "streams/engine", "streams/cases", "streams/districts", "load_tests/columns")
"""What compiled modules are made of or take constants and types from."""
COMPILED: Final = "compiled"
"""What `state` says where compiled modules run."""
PURE: Final = "ANBU_PURE"
"""Environment variable: 1 asks for plain Python, whatever is compiled. Tests do, for they put probes into the engine."""


def made_of(root: Path = ROOT) -> str:
    """Return the digest of all that compiled modules depend on."""
    digest = blake2b(f"{EXTENSION_SUFFIXES[0]} {sys.version}".encode(), digest_size=16)
    for folder in FOLDERS:
        for file in sorted((root / folder).glob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _found() -> tuple[bool, str]:
    """Tell whether compiled modules are used, and say what runs."""
    if not (PLACE / MADE_OF).exists():
        return False, "plain Python"
    if os.environ.get(PURE) == "1":
        return False, f"plain Python, as {PURE}=1 asks"
    if (PLACE / MADE_OF).read_text(encoding="ascii") != made_of():
        return False, "plain Python (what was compiled is of other sources: make native)"
    library = str(PLACE / f"{GROUP}{EXTENSION_SUFFIXES[0]}")
    loader = ExtensionFileLoader(GROUP, library)
    try:
        sys.modules[GROUP] = module_from_spec(ModuleSpec(GROUP, loader, origin=library))
    except ImportError as error:
        return False, f"plain Python (what was compiled cannot be loaded: {error})"
    return True, COMPILED


def state() -> str:
    """Say in a few words whether the engine runs compiled, and why not where it could."""
    return _found()[1]


def is_compiled() -> bool:
    """Tell whether the engine of this process runs compiled."""
    return _found()[0]


def first(package: str, own: list[str]) -> list[str]:
    """Return where the modules of a package are looked for: compiled ones first, if there are any of these sources."""
    return [str(PLACE.joinpath(*package.split("."))), *own] if is_compiled() else own
