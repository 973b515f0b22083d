"""Whoever reads or writes while a set is grown notices: a new partition is read from its beginning, an old count is refused."""

from collections.abc import Iterator
from typing import Any, Final

import pytest
from kafka import TopicPartition
from test_subscriber import NOW, a_status, an_incident

from schemas.encode import encode
from streams import publish, tail
from streams.incident_fold import INCIDENTS
from streams.publish import Publisher, TopicsDifferError
from streams.subscriber import OVERLAP, IncidentSubscriber, begin
from streams.tail import LogReader, Record

FEW: Final = 2
MANY: Final = 3


class HandConsumer:
    """The library's consumer, as far as it is asked here: what lies behind the place of each followed partition comes."""

    def __init__(self, **_said: Any) -> None:
        self.logs: dict[TopicPartition, list[bytes]] = {TopicPartition(INCIDENTS, p): [] for p in range(FEW)}
        self.places: dict[TopicPartition, int] = {}

    def topics(self) -> set[str]:
        return {INCIDENTS}

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {at.partition for at in self.logs if at.topic == topic}

    def beginning_offsets(self, where: list[TopicPartition], **_said: Any) -> dict[TopicPartition, int]:
        return dict.fromkeys(where, 0)

    def end_offsets(self, where: list[TopicPartition], **_said: Any) -> dict[TopicPartition, int]:
        return {at: len(self.logs[at]) for at in where}

    def assignment(self) -> set[TopicPartition]:
        return set(self.places)

    def assign(self, where: list[TopicPartition]) -> None:
        self.places = {at: self.places.get(at, -1) for at in where}

    def seek(self, at: TopicPartition, offset: int) -> None:
        self.places[at] = offset

    def highwater(self, at: TopicPartition) -> int:
        return len(self.logs[at])

    def position(self, at: TopicPartition, **_said: Any) -> int:
        return self.places[at]

    def come(self) -> list[Record]:
        out = []
        for at, place in self.places.items():
            assert place >= 0, "followed from nowhere"
            out += [Record(*at, n, b"h-1", value, NOW) for n, value in enumerate(self.logs[at]) if n >= place]
            self.places[at] = len(self.logs[at])
        return out

    def close(self) -> None:
        pass


@pytest.fixture
def subscriber(monkeypatch: pytest.MonkeyPatch) -> Iterator[IncidentSubscriber]:
    monkeypatch.setattr(tail, "KafkaConsumer", HandConsumer)
    monkeypatch.setattr(tail, "find_listener", lambda *_: None)
    monkeypatch.setattr(LogReader, "poll", lambda self, _within_ms=0: self.consumer.come())
    with IncidentSubscriber("nowhere", clock=lambda: NOW) as made:
        yield made


def watched(consumer: HandConsumer, number: int) -> None:
    consumer.logs[TopicPartition(INCIDENTS, number)].append(a_status(number, NOW))


def test_a_subscriber_takes_up_the_partitions_that_its_set_was_given_and_calls_nobody_watched_there_before_it_hears_so(
    subscriber: IncidentSubscriber,
) -> None:
    consumer = subscriber._reader.consumer
    for number in range(FEW):
        watched(consumer, number)
    subscriber.poll()
    assert subscriber.watching().calm
    told = an_incident(household="h-9")
    consumer.logs[TopicPartition(INCIDENTS, FEW)] = [encode(told)]
    assert subscriber.poll() == [told]
    assert subscriber.watching().stale == (FEW,)
    watched(consumer, FEW)
    assert subscriber.poll() == []
    assert subscriber.watching().calm
    assert consumer.places == {TopicPartition(INCIDENTS, p): n for p, n in enumerate((1, 1, 2))}


def test_negative_control_a_reader_that_does_not_look_for_growth_looks_well_and_hears_nothing(
    subscriber: IncidentSubscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogReader, "follow_grown", lambda *_: {})
    consumer = subscriber._reader.consumer
    for number in range(FEW):
        watched(consumer, number)
    consumer.logs[TopicPartition(INCIDENTS, FEW)] = [encode(an_incident(household="h-9"))]
    assert subscriber.poll() == []
    assert subscriber.watching().calm


def test_a_group_that_was_away_while_its_set_was_grown_reads_the_new_partition_whole() -> None:
    end = 5 * OVERLAP
    assert begin(0, end, None, [7, None]) == 0
    assert begin(0, end, None, [None, None]) == end - OVERLAP, "control: a new group hears of no past"
    assert begin(0, end, 40, [40, None]) == 40
    assert begin(50, end, 40, [40, None]) == 50, "retention took the rest"


class HandProducer:
    """Takes what comes, and knows how many partitions a topic has by now."""

    has = FEW

    def __init__(self, **_said: Any) -> None:
        self.taken: list[int] = []

    def partitions_for(self, _topic: str) -> set[int]:
        return set(range(self.has))

    def send(self, _topic: str, *, partition: int, **_said: Any) -> None:
        self.taken.append(partition)

    def close(self, **_said: Any) -> None:
        pass


def test_a_publisher_whose_set_is_grown_while_it_is_open_writes_nothing_more_by_the_old_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publish, "KafkaProducer", HandProducer)
    monkeypatch.setattr(publish, "partition_counts", lambda *_args, **_said: {"responder.actions": FEW})
    pen = Publisher("nowhere", FEW)
    pen.send("responder.actions", "h-1", b"{}")
    producer: Any = pen._producer
    assert len(producer.taken) == 1, "control: it is taken while the counts agree"
    producer.has = MANY
    with pytest.raises(TopicsDifferError, match=f"has {MANY} partitions, the settings say {FEW}"):
        pen.send("responder.actions", "h-1", b"{}")
    assert len(producer.taken) == 1
    pen.close(drop=True)
