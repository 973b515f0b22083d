"""A fetch that brought little is followed by a rest, one that brought much by none, and no record waits longer than that."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from streams.worker import resting
from streams.worker.resting import FULL_BYTES, Resting, rest_s

PLACE = TopicPartition("home.sensors", 0)


class Fetcher:
    """As much of aiokafka's as is stood in front of."""

    def __init__(self, brings: int) -> None:
        self.brings = brings
        self._records: dict[TopicPartition, Any] = {}

    async def _proc_fetch_request(self, _assignment: Any, _node: int, _request: Any) -> bool:
        records = SimpleNamespace(size_in_bytes=lambda: self.brings)
        if self.brings:
            self._records[PLACE] = SimpleNamespace(_partition_records=SimpleNamespace(_records=records))
        return bool(self.brings)

    def _get_actions_per_node(self, _assignment: Any) -> tuple[Any, ...]:
        return [(1, "a fetch"), (2, "another")], {}, 0.5, False, []


def asked_after(brings: int, at_s: float, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], float]:
    """Brokers fetched from so long after a fetch from the first of two, and when the fetcher asks again."""
    now_s = [100.0]
    monkeypatch.setattr(resting, "monotonic_s", lambda: now_s[0])
    fetcher: Any = Fetcher(brings)
    Resting(fetcher, 0.025, {})
    request = SimpleNamespace(topics=[("home.sensors", [(0, 7, 1000)])])
    assert asyncio.run(fetcher._proc_fetch_request(None, 1, request)) == bool(brings)
    now_s[0] += at_s
    fetches, _, timeout_s, _, _ = fetcher._get_actions_per_node(None)
    return [node for node, _ in fetches], timeout_s


def test_a_broker_rests_after_it_has_brought_little_and_the_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked_after(500, 0.001, monkeypatch) == ([2], pytest.approx(0.001))
    assert asked_after(500, 0.0021, monkeypatch) == ([1, 2], 0.5)


def test_what_brought_nothing_and_a_full_fetch_are_followed_by_the_next_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert asked_after(0, 0.0, monkeypatch) == ([1, 2], 0.5)
    assert asked_after(FULL_BYTES, 0.0, monkeypatch) == ([1, 2], 0.5)


def test_no_rest_is_longer_than_it_may_be() -> None:
    rests = [rest_s(brought, 0.025) for brought in range(0, 2 * FULL_BYTES, 100)]
    assert max(rests) == 0.025
    assert rest_s(FULL_BYTES // 2, 0.025) == 0.025


def test_what_is_far_ahead_is_left_out_of_fetches_for_a_while_and_delays_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(resting, "monotonic_s", lambda: now_s[0])
    fetcher: Any = Fetcher(0)
    held_off = {PLACE: 100.25}
    Resting(fetcher, 0.025, held_off)

    def asked() -> tuple[list[tuple[int, list[Any], int]], float]:
        both = [("home.sensors", [(0, 7, 1000), (1, 8, 1000)]), ("phone.usage", [(0, 9, 1000)])]
        requests = [FetchRequest(1500, 1, 1 << 20, 0, topics) for topics in (both, [("home.sensors", [(0, 7, 1000)])])]
        monkeypatch.setattr(fetcher, "_get_actions_per_node", lambda _: (list(enumerate(requests)), {}, 0.5, False, []))
        Resting(fetcher, 0.025, held_off)
        fetches, _, timeout_s, _, _ = fetcher._get_actions_per_node(None)
        return [(node, one.topics, one._max_wait_ms) for node, one in fetches], timeout_s

    left, timeout_s = asked()
    assert left == [(0, [("home.sensors", [(1, 8, 1000)]), ("phone.usage", [(0, 9, 1000)])], 250)]
    assert timeout_s == pytest.approx(0.25)
    now_s[0] += 0.25
    assert [node for node, _, _ in asked()[0]] == [0, 1]
    held_off[PLACE] = 0.0
    left, timeout_s = asked()
    assert (len(left), left[0][2], timeout_s) == (2, 1500, 0.5)
