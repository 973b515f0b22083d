"""What the memory of a household that is awake goes to, by part of its state and by type: a city of the usual mix after some days.

    python -m load_tests.bench_memory --households 60 --days 60

Every household is restored from its rows; of all objects that it alone reaches the sizes are summed, each rounded up to
what the allocator gives. What households share (names, records, tables of people) is left out.
"""

import argparse
import enum
import gc
import sys
import types
from collections import Counter
from collections.abc import Collection
from typing import Any, Final

from detectors.household import Household
from load_tests.bench_city.memory import lived
from load_tests.simulator.neighbourhood import JUDGING_SEEDS
from schemas.compiled import state
from schemas.profiles import DEFAULT_PROFILE

ROUND: Final = 16
SHARED: Final = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, enum.Enum)


def reached(root: object, but: Collection[int] = ()) -> dict[int, tuple[Any, str]]:
    """Return the objects that one reaches, by id, each with the part of the state in which it was found first."""
    seen: dict[int, tuple[Any, str]] = {}
    ahead: list[tuple[Any, tuple[str, ...]]] = [(root, ())]
    while ahead:
        one, path = ahead.pop()
        if id(one) in seen or id(one) in but or isinstance(one, SHARED):
            continue
        seen[id(one)] = one, ".".join(path[1:2]) or "state"
        if native := getattr(type(one), "__mypyc_attrs__", ()):
            ahead += [(each, (*path, name)) for name, each in _held(one, native)]
            continue
        slots = [slot for kind in type(one).__mro__ for slot in getattr(kind, "__slots__", ())]
        if slots:
            ahead += [(getattr(one, slot), (*path, slot)) for slot in slots if hasattr(one, slot)]
        else:
            ahead += [(each, path) for each in gc.get_referents(one)]
    return seen


def _held(one: object, names: Collection[str]) -> list[tuple[str, object]]:
    """Return what a compiled object holds, by name: its numbers lie within it, and an object of each would be made for whoever asks."""
    held = {id(each): each for each in gc.get_referents(one)}
    found = [(name, each) for name in names if id(each := getattr(one, name, None)) in held]
    for _, each in found:
        held.pop(id(each), None)
    return [*found, *(("", each) for each in held.values())]


def main(arguments: list[str] | None = None) -> int:
    """Play, restore, and print bytes a household by part and by type."""
    parser = argparse.ArgumentParser(prog="python -m load_tests.bench_memory", description=__doc__)
    parser.add_argument("--households", type=int, default=60)
    parser.add_argument("--days", type=int, default=60)
    asked = parser.parse_args(arguments)
    models, _, _ = lived(asked.households, asked.days, JUDGING_SEEDS[0])
    rows = [(one.hot(), one.rhythm(), one.record) for one in models]
    models.clear()
    homes = [Household.restore(hot, rhythm, DEFAULT_PROFILE, record) for hot, rhythm, record in rows]
    shared = {id(DEFAULT_PROFILE)}.union(*(reached(record) for _, _, record in rows))
    found = [reached(home, shared) for home in homes]
    holders = Counter(number for each in found for number in each)
    parts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for each in found:
        for number, (one, part) in each.items():
            if holders[number] == 1:
                size = -(-sys.getsizeof(one) // ROUND) * ROUND
                parts[part] += size
                kinds[type(one).__name__] += size
    hot, rhythm = (sum(map(len, column)) / len(rows) for column in ([row[0] for row in rows], [row[1] for row in rows]))
    sys.stdout.write(
        f"{len(homes)} synthetic households after {asked.days} days, {state()}: {sum(parts.values()) / len(homes):,.0f} bytes each;"
        f" rows {hot:,.0f} (hot) and {rhythm:,.0f} (rhythm)\n"
    )
    for name, sizes in (("part", parts), ("type", kinds)):
        sys.stdout.write(f"\n{name:24}  bytes\n")
        sys.stdout.writelines(f"{one:24} {size / len(homes):6,.0f}\n" for one, size in sizes.most_common(16))
    return 0


if __name__ == "__main__":
    sys.exit(main())
