"""What was said or done in one event that is counted by week, as one number: small to keep, ordered by time."""

import math
from typing import Final, NamedTuple

from detectors.digest import digest
from schemas.events import Event
from schemas.vocabulary import CareTopic, Level

TOPICS: Final = tuple(CareTopic)
LEVELS: Final = tuple(Level)
ANSWERED, UNANSWERED, TAKEN, MISSED, TALKS, PHONE, PHONE_DAYS, DAYS, OUTINGS, STRETCHES, STIRS = range(11)
"""Places of counts: calls, doses, talks with a robot, contacts by phone, days with the phone in sight, days with the home
in sight, ways out, activity begun by day, activity begun in the night."""
COUNTS: Final = 11
LENGTHS: Final = 15
"""Steps of the length of a talk; 0 stands for one that nobody timed."""
SHORTEST_S: Final = 20.0
STEP: Final = 1.3
"""Each step is longer by this factor: from 20 seconds to 13 minutes."""
_SAID: Final = {
    "checkin_answered": ANSWERED,
    "checkin_refused": ANSWERED,
    "checkin_no_answer": UNANSWERED,
    "checkin_busy": UNANSWERED,
    "checkin_dead_number": UNANSWERED,
    "medication_taken": TAKEN,
    "medication_missed": MISSED,
    "robot_dialog": TALKS,
    "call_out": PHONE,
    "call_in_answered": PHONE,
    "sms_out": PHONE,
}
KINDS: Final = frozenset(_SAID)
_NOWHERE: Final = COUNTS
"""Place of what is counted by topic alone: an answered message is no talk."""
WORD_BYTES: Final = 18
_UNSPOKEN: Final = bytes(3)


class Word(NamedTuple):
    """One thing that was said or done. Topics as small numbers: two bits a level, one bit a topic that is resolved."""

    at_ms: int
    place: int
    id: int
    """A digest: only whether two are equal matters."""
    levels: int
    resolved: int
    length: int = 0
    """How long a talk was, in steps of `STEP`; 0 where nobody timed it."""

    def level(self, topic: int) -> int:
        """Return what was told of a topic: 0 well, 1 a concern, 2 an alarm; -1 when it was not spoken of."""
        return (self.levels >> 2 * topic & 3) - 1


def word_of(event: Event) -> int | None:
    """Return an event as a number, larger the later it happened; None for one that is not counted."""
    place = _SAID.get(event.kind)
    data = event.data
    if place is None or data.state == "off" or event.at_ms < 0:
        return None
    if data.channel == "robot" and place == ANSWERED:
        place = TALKS
    elif data.channel not in (None, "checkin_call"):
        place = _NOWHERE
    levels = resolved = 0
    for topic, level in (data.topics or {}).items():
        levels |= (LEVELS.index(level) + 1) << 2 * TOPICS.index(topic)
    for topic in data.resolved or ():
        resolved |= 1 << TOPICS.index(topic)
    if place == _NOWHERE and not levels and not resolved:
        return None
    place |= _length(event) << 4 if place in (ANSWERED, TALKS) else 0
    return (((event.at_ms << 8 | place) << 56 | digest(event.id)) << 16 | levels) << 8 | resolved


def spoke(number: int) -> bool:
    """Tell whether an event as a number spoke of a topic."""
    return bool(number & 0xFFFFFF)


def spoken(words: bytes) -> list[int]:
    """Return those of some packed numbers that spoke of a topic."""
    return [
        int.from_bytes(words[end - WORD_BYTES : end], "big")
        for end in range(WORD_BYTES, len(words) + 1, WORD_BYTES)
        if words[end - 3 : end] != _UNSPOKEN
    ]


def moment_and_place(number: int) -> tuple[int, int]:
    """Return when an event as a number happened, and the place of its count."""
    return number >> 88, number >> 80 & 0xF


def read(number: int) -> Word:
    """Return what a number says."""
    return Word(
        number >> 88,
        number >> 80 & 0xF,
        number >> 24 & (1 << 56) - 1,
        number >> 8 & 0xFFFF,
        number & 0xFF,
        number >> 84 & 0xF,
    )


def read_at(words: bytes, at: int) -> Word:
    """Return what a number says that begins at a byte of some packed ones."""
    place = words[at + 7]
    return Word(
        int.from_bytes(words[at : at + 7], "big"),
        place & 0xF,
        int.from_bytes(words[at + 8 : at + 15], "big"),
        words[at + 15] << 8 | words[at + 16],
        words[at + 17],
        place >> 4,
    )


def _length(event: Event) -> int:
    """Return the length of a talk in steps. A question after a disaster is short by its nature, and a refusal is no talk."""
    seconds = event.data.duration_s
    if not seconds or event.data.purpose == "disaster" or event.kind == "checkin_refused":
        return 0
    return min(LENGTHS, max(1, 1 + round(math.log(seconds / SHORTEST_S) / math.log(STEP))))


def minutes_of(steps: float) -> float:
    """Return the minutes of a talk whose length is so many steps."""
    return float(SHORTEST_S * STEP ** (steps - 1) / 60)


def unpack(words: bytes) -> list[int]:
    """Return the numbers of which bytes hold `WORD_BYTES` each, big-endian: so they have the order of the numbers.

    Raises:
        ValueError: they are not whole words.

    """
    if len(words) % WORD_BYTES:
        raise ValueError("not whole words")
    return [int.from_bytes(words[i : i + WORD_BYTES], "big") for i in range(0, len(words), WORD_BYTES)]
