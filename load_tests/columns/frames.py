"""Messages laid into the frames of a spool, by partition and topic, each key once."""

from collections.abc import Iterator
from typing import Final

import msgspec

from load_tests.columns.wire import Wire
from load_tests.messages import Message
from load_tests.recordings.recording import wire_of
from schemas.partitions import partition_of
from schemas.topics import ORDER_OF

Topic = tuple[int, list[int], list[bytes], list[int], list[bytes | None]]
Frame = tuple[int, list[Topic]]
"""End of the slice, UTC milliseconds; of each topic its number, when each message was sent, the keys there are, which of
them each message has, values."""
_encode: Final = msgspec.msgpack.Encoder().encode


class _Slot:
    """A topic in a partition, as far as the present frame is filled."""

    def __init__(self, partition: int, number: int) -> None:
        self.partition = partition
        self.number = number
        self.sent: list[int] = []
        self.keys: list[bytes] = []
        self.whose: list[int] = []
        self.values: list[bytes | None] = []


class _Lane:
    """A key in a topic."""

    def __init__(self, slot: _Slot, key: bytes) -> None:
        self.slot = slot
        self.key = key
        self.frame: object = None
        """Mark of the frame in which it was last seen."""
        self.place = 0
        """Its place among the keys of that frame."""


class Frames:
    """Takes messages in order of sending and gives the frames of every partition."""

    def __init__(self, messages: Iterator[Message | Wire], partitions: int) -> None:
        self.count = 0
        """Messages so far."""
        self.events = 0
        """Events in them."""
        self._messages = messages
        self._ahead: Message | Wire | None = next(messages, None)
        self._partitions = partitions
        self._slots: list[_Slot] = []
        self._lanes: dict[str, dict[str, _Lane]] = {}
        self._frame = object()

    def put(self, topic: str, key: str, sent_ms: int, value: bytes | None) -> None:
        """Put a record into the present frame."""
        lanes = self._lanes.get(topic)
        if lanes is None:
            lanes = self._lanes[topic] = {}
        lane = lanes.get(key)
        if lane is None:
            lane = lanes[key] = _Lane(self._slot(topic, key), key.encode())
        slot = lane.slot
        if lane.frame is not self._frame:
            lane.frame = self._frame
            lane.place = len(slot.keys)
            slot.keys.append(lane.key)
        slot.sent.append(sent_ms)
        slot.whose.append(lane.place)
        slot.values.append(value)

    def _slot(self, topic: str, key: str) -> _Slot:
        partition, number = partition_of(key, self._partitions), ORDER_OF[topic]
        for slot in self._slots:
            if slot.partition == partition and slot.number == number:
                return slot
        slot = _Slot(partition, number)
        self._slots.append(slot)
        return slot

    def fill(self, end_ms: int) -> None:
        """Put every message into the present frame that is sent before its end."""
        ahead = self._ahead
        while ahead is not None:
            sent_ms: int = ahead.sent_ms
            if sent_ms >= end_ms:
                break
            wire = ahead if isinstance(ahead, Wire) else wire_of(ahead)
            self.put(wire.topic, wire.key, sent_ms, wire.value)
            self.count += 1
            self.events += wire.events
            ahead = next(self._messages, None)
        self._ahead = ahead

    def packed(self, end_ms: int) -> list[bytes]:
        """Give the present frame of every partition as bytes, and begin the next."""
        frames: list[list[Topic]] = [[] for _ in range(self._partitions)]
        for slot in self._slots:
            if slot.sent:
                frames[slot.partition].append((slot.number, slot.sent, slot.keys, slot.whose, slot.values))
                slot.sent, slot.keys, slot.whose, slot.values = [], [], [], []
        self._frame = object()
        return [_encode((end_ms, topics)) for topics in frames]
