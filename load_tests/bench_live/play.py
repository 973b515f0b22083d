"""An open loop: messages and emergencies are sent at the moments they were meant to be, however late answers come."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from detectors.emergency import emergencies
from load_tests.bench_live.figures import Latency, percentile
from load_tests.bench_live.place import At, Probe, cpu_s_of
from load_tests.bench_live.script import TICKS, Step, named
from load_tests.bench_live.writing import Pen
from schemas.build import encode_events
from schemas.events import Event, Tick
from schemas.topics import ORDER_OF
from streams.cases.revisions import arrived

LOOP_S: Final = 0.001
"""How finely the generator keeps to its times."""
SETTLE_S: Final = 2.0
"""Of a run, before emergencies are counted; and behind it, while their incidents are waited for."""
EMERGENCIES_PER_S: Final = 20.0
_SENSORS: Final = ORDER_OF["home.sensors"]


class _Told(msgspec.Struct):
    """What is read of a record of the incidents."""

    id: str = ""
    revision: int = 0


_told = msgspec.json.Decoder(_Told).decode
_tick = msgspec.json.Decoder(Tick).decode


class Player:
    """Sends, listens, and keeps the books. One process: its times are of one clock."""

    def __init__(self, producer: Any, probe: Probe, broker_pid: int, homes: int, copies: int, seed: int) -> None:
        self._pen = Pen(producer)
        self._probe = probe
        self._broker_pid = broker_pid
        self._homes, self._copies = homes, copies
        self._random = Random(seed)
        self._number = 0
        self._meant_s: dict[str, float] = {}
        self._heard_s: dict[str, float] = {}
        self.sent = 0
        self.clock_ms = 0

    async def listen(self, bootstrap: str) -> None:
        """Read incidents for ever, and note when each was read first."""
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="latest")
        await consumer.start()
        try:
            place = TopicPartition("incidents", 0)
            consumer.assign([place])
            await consumer.seek_to_end(place)
            async for record in consumer:
                now_s = time.monotonic()
                told = _told(record.value or b"{}")
                if told.revision == 1 and told.id in self._meant_s:
                    self._heard_s.setdefault(told.id, now_s)
        finally:
            await consumer.stop()

    def _emergency(self) -> tuple[str, bytes, bytes]:
        """Return (id of its incident, key, message) of a button that somebody presses now."""
        self._number += 1
        home = named(b"sim-%05d" % self._random.randrange(self._homes), self._random.randrange(self._copies))
        event = Event(home.decode(), "emergency_button", "/sensors/bench", f"pressed-{self._number}", self.clock_ms)
        name = arrived(event.household, emergencies(event)[0], self.clock_ms, "bench").id
        return name, home, encode_events([event])

    async def backlog(self, many: list[Step]) -> None:
        """Write at once, and wait for the broker."""
        await self._pen.write(many)
        await self._pen.wait()
        self._count(many)

    def _count(self, many: list[Step]) -> None:
        for one in many:
            self.sent += one.events
            if one.topic == TICKS:
                self.clock_ms = _tick(one.value).tick

    async def play(self, script: Iterator[Step], per_s: float, for_s: float) -> Latency:
        """Send at a rate for so many seconds, with emergencies all along, and tell what came of it."""
        due = _timed(script, per_s, for_s)
        meant = self._meant(for_s)
        self._meant_s.clear()
        self._heard_s.clear()
        began_s, sent = time.monotonic(), self.sent
        used = self._used()
        first = self._probe.look()
        lags: list[tuple[float, float]] = []
        at = next_emergency = 0
        while True:
            now_s = time.monotonic() - began_s
            end = at
            while end < len(due) and due[end][0] <= now_s:
                end += 1
            if end > at:
                steps = [one for _, one in due[at:end]]
                await self._pen.write(steps)
                self._count(steps)
                at = end
            while next_emergency < len(meant) and meant[next_emergency] <= now_s:
                name, key, value = self._emergency()
                self._meant_s[name] = began_s + meant[next_emergency]
                await self._pen.write([Step(_SENSORS, key, value, 1)])
                self.sent += 1
                next_emergency += 1
            await self._pen.flush()
            if not lags or now_s - lags[-1][0] >= 0.5:
                lags.append((now_s, self.sent - self._probe.look().events))
            if now_s >= for_s:
                break
            await asyncio.sleep(LOOP_S)
        last, used_since = self._probe.look(), self._used()
        sent_per_s = (self.sent - sent) / (time.monotonic() - began_s)
        await self._heard_all()
        await self._pen.wait()
        return self._latency(per_s, sent_per_s, (first, last), _less(used_since, used), lags)

    def _meant(self, for_s: float) -> list[float]:
        """Return when emergencies are meant to be sent: one in each stretch, at any moment of it."""
        each_s = 1 / EMERGENCIES_PER_S
        many = int((for_s - SETTLE_S) * EMERGENCIES_PER_S)
        return [SETTLE_S + (i + self._random.random()) * each_s for i in range(many)]

    def _used(self) -> tuple[float, float, float]:
        return cpu_s_of(self._broker_pid), time.process_time(), time.monotonic()

    async def _heard_all(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while len(self._heard_s) < len(self._meant_s):
                    await asyncio.sleep(0.05)

    def _latency(
        self,
        per_s: float,
        sent_per_s: float,
        worker: tuple[At, At],
        used: tuple[float, float, float],
        lags: list[tuple[float, float]],
    ) -> Latency:
        took = [
            (self._heard_s[name] - meant_s) * 1e3 for name, meant_s in self._meant_s.items() if name in self._heard_s
        ]
        first, last = worker
        broker_s, own_s, wall_s = used
        third = len(lags) // 3
        early, late = lags[third : 2 * third], lags[-third:]
        grown = sum(lag for _, lag in late) / len(late) - sum(lag for _, lag in early) / len(early)
        return Latency(
            per_s=per_s,
            sent_per_s=sent_per_s,
            emergencies=len(self._meant_s),
            unheard=len(self._meant_s) - len(took),
            p50_ms=percentile(took, 0.5) if took else float("nan"),
            p99_ms=percentile(took, 0.99) if took else float("nan"),
            p999_ms=percentile(took, 0.999) if took else float("nan"),
            longest_ms=max(took, default=float("nan")),
            worker_cores=(last.cpu_s - first.cpu_s) / max(last.at_s - first.at_s, 1e-9),
            broker_cores=broker_s / wall_s,
            generator_cores=own_s / wall_s,
            lag_s=grown / per_s,
            load=os.getloadavg()[0],
        )

    async def drained(self, within_s: float, done: Callable[[float], None] | None = None) -> None:
        """Wait until the worker has applied all but what waits for the next tick."""
        end_s = time.monotonic() + within_s
        last = -1
        while time.monotonic() < end_s:
            events = self._probe.look().events
            if events >= self.sent * 0.5 and events == last:
                break
            last = events
            await asyncio.sleep(1.0)
        if done is not None:
            done(time.monotonic())


def _timed(script: Iterator[Step], per_s: float, for_s: float) -> list[tuple[float, Step]]:
    """Return steps with the moment at which each is due, seconds from the beginning."""
    out: list[tuple[float, Step]] = []
    events = 0
    for one in script:
        at_s = events / per_s
        if at_s >= for_s:
            break
        out.append((at_s, one))
        events += one.events
    return out


def _less(later: tuple[float, float, float], before: tuple[float, float, float]) -> tuple[float, float, float]:
    return later[0] - before[0], later[1] - before[1], later[2] - before[2]
