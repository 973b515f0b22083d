"""One decoded, checked event of one household: apart from the forms on the wire, that a compiler of typed Python can make it."""

from typing import Any, Final, final

from schemas.compiled import mypyc_attr
from schemas.data import Data

Fields = tuple[str, str, str, str, int, Data, int]
_NO_DATA: Final = Data()
_FIELDS: Final = ("household", "kind", "source", "id", "at_ms", "data", "until_ms")


@mypyc_attr(acyclic=True, free_list_len=1)
@final
class Event:
    """A decoded, checked event of one household. Nobody changes it; `with_` gives another one."""

    __slots__ = ("at_ms", "data", "household", "id", "kind", "source", "until_ms")

    def __init__(
        self,
        household: str,
        kind: str,
        source: str,
        id: str,  # noqa: A002 - as on the wire
        at_ms: int,
        data: Data = _NO_DATA,
        until_ms: int = 0,
    ) -> None:
        """Take what was checked. `at_ms` is when it happened, UTC milliseconds since 1970."""
        self.household = household
        self.kind = kind
        self.source = source
        self.id = id
        self.at_ms = at_ms
        self.data = data
        self.until_ms = until_ms
        """For `complete_until` only: the moment up to which the source has reported."""

    def __eq__(self, other: object) -> bool:
        """Tell whether both say the same."""
        return isinstance(other, Event) and self.fields() == other.fields()

    def __hash__(self) -> int:
        """Return a hash of what tells events apart."""
        return hash((self.household, self.source, self.id, self.at_ms))

    def __repr__(self) -> str:
        """Return all that it says, for whoever looks at a failed test."""
        return f"Event{self.fields()!r}"

    def __reduce__(self) -> tuple[Any, Fields]:
        """Tell how another process makes the same: a compiled class cannot be made without its fields."""
        return Event, self.fields()

    def fields(self) -> Fields:
        """Return all that it says, in the order in which it is made."""
        return self.household, self.kind, self.source, self.id, self.at_ms, self.data, self.until_ms

    def with_(self, **changes: Any) -> "Event":
        """Return the same event but for some fields."""
        fields: dict[str, Any] = dict(zip(_FIELDS, self.fields(), strict=True))
        return Event(**(fields | changes))

    @property
    def channel(self) -> str:
        """First segment of the source: sensors, phone, worn, calls or robot."""
        return self.source[1 : self.source.index("/", 1)]

    @property
    def is_on(self) -> bool:
        """False only for an explicit `state: "off"`."""
        return self.data.state != "off"
