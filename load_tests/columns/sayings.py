"""What homes say, kept once however often they say it: all of an event but its id and its time."""

from collections.abc import Iterator
from typing import Final

from schemas.build import cloud_event
from schemas.encode import encode
from schemas.events import Event
from schemas.times import to_rfc3339
from schemas.vocabulary import BY_NAME

REMEMBERED: Final = 65_536
"""Of so many sayings each is kept once; whoever says something new every time must not fill the memory."""
NEVER_MS: Final = 1 << 61
_NO_ID: Final = "\0"
_ID: Final = '"id":"\\u0000"'
_TIME: Final = f'"time":"{to_rfc3339(0)}"'


class Lane:
    """What a home says on one topic: each batch of it is a message."""

    def __init__(self, name: str, topic: str) -> None:
        self.name = name
        self.topic = topic
        self.day: object = None
        """Mark of the day in which it was last seen."""
        self.rank = 0
        """Its place among those of that day, by name and topic."""


class Home:
    """A household as a past holds it. Times are UTC milliseconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: dict[str, Lane] = {}
        self.sources: set[str] = set()
        self.first_ms = NEVER_MS
        """Its first event, before it is moved in time."""
        self.moved_ms = 0
        self.begin_ms = NEVER_MS
        self.end_ms = 0
        """When the last of its messages reaches the log."""
        self.latest_ms = 0
        """Its latest event in the file that is being read."""
        self.file = -1
        """Which file that is."""

    def lane(self, topic: str) -> Lane:
        """Return its part of a topic."""
        lane = self.lanes.get(topic)
        if lane is None:
            lane = self.lanes[topic] = Lane(self.name, topic)
        return lane


class Saying:
    """One of the things a home says: an event without its id and its time, and its bytes around them."""

    def __init__(self, home: Home, event: Event) -> None:
        self.home = home
        self.event = event
        self.lane = home.lane(BY_NAME[event.kind].topic)
        self.over_ms = int((event.data.over_s or 0) * 1000)
        self.block: object = None
        """Mark of the block into which it was last written."""
        self.place = 0
        """Its place in that block."""
        self.head = ""
        self.middle = ""
        self.tail = ""

    def spell(self) -> None:
        """Make the bytes around id and time, as `schemas.build.encode_events` writes them."""
        bare = Event(
            self.home.name, self.event.kind, self.event.source, _NO_ID, 0, self.event.data, self.event.until_ms
        )
        # Quotes within a string are escaped: neither mark can stand in what a home says.
        self.head, rest = encode(cloud_event(bare)).decode().split(_ID, 1)
        self.middle, self.tail = rest.split(_TIME, 1)
        self.head += '"id":'
        self.middle += '"time":"'
        self.tail = f'"{self.tail}'


class Sayings:
    """All homes of a past and what they say."""

    def __init__(self) -> None:
        self.homes: dict[str, Home] = {}
        self._known: dict[object, Saying] = {}

    def home(self, name: str) -> Home:
        """Return a household, known from now on."""
        home = self.homes.get(name)
        if home is None:
            home = self.homes[name] = Home(name)
        return home

    def of(self, event: Event) -> Saying:
        """Return what an event says; its id and its time do not matter."""
        if event.until_ms:
            return self._new(event)  # another moment each time
        key = (event.household, event.kind, event.source, event.data)
        try:
            known = self._known.get(key)
        except TypeError:  # the topics of a talk are a dictionary
            return self._new(event)
        if known is None:
            known = self._new(event)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[key] = known
        return known

    def _new(self, event: Event) -> Saying:
        home = self.home(event.household)
        home.sources.add(event.source)
        return Saying(home, event)


class Columns:
    """Events of any homes in the order in which they were read; the columns are of one length."""

    def __init__(self) -> None:
        self.said: list[Saying] = []
        self.at_ms: list[int] = []
        """UTC milliseconds."""
        self.ids: list[str] = []
        """As JSON has them, in quotes."""

    def add(self, saying: Saying, at_ms: int, number: str) -> None:
        """Put an event at the end; `number` is its id in quotes."""
        self.said.append(saying)
        self.at_ms.append(at_ms)
        self.ids.append(number)

    def each(self) -> Iterator[tuple[Event, int, str]]:
        """Give what was said, when, and its id in quotes."""
        for i in range(len(self.said)):
            yield self.said[i].event, self.at_ms[i], self.ids[i]
