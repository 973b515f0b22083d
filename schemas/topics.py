"""Every Kafka topic: its name, what it carries, how it is keyed and how long it is kept."""

from dataclasses import dataclass
from typing import Final

DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of a topic set. All share one partition count; `anbu topics grow` moves a set to a larger one."""

    name: str
    about: str
    key: str
    retention_ms: int
    ordered_input: bool = False
    broadcast: bool = False
    """Written to every partition: read by all, keyed by none."""
    compacted: bool = False

    @property
    def config(self) -> dict[str, str]:
        """Kafka topic configuration. Inputs carry the broker's append time, so that a fast clock cannot lie about arrival."""
        out = {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": "1048576",
        }
        if self.compacted:
            out["min.compaction.lag.ms"] = "3600000"
            # The segment being written is never compacted. By default it grows to a gigabyte or for a week, and whoever
            # takes a partition over would read all of that.
            out |= {"segment.bytes": "67108864", "segment.ms": "3600000", "min.cleanable.dirty.ratio": "0.3"}
        else:
            out["retention.ms"] = str(self.retention_ms)
        return out


# The order of this tuple is the fixed order in which the engine breaks ties between topics: never reorder it.
ORDERED: Final[tuple[Topic, ...]] = (
    Topic(
        "profile",
        "budgets, weights and detectors, with who changed them and why",
        "profile id",
        400 * DAY_MS,
        True,
        True,
    ),
    Topic(
        "district.state", "outages, shared weights and load, from all partitions", "district", 30 * DAY_MS, True, True
    ),
    Topic("public.alerts", "CAP alerts and plain emergency texts", "alert id", 30 * DAY_MS, True, True),
    Topic("households", "the registry: who is watched, how, with whose consent", "household", 30 * DAY_MS, True),
    Topic("home.sensors", "telemetry of home sensors and care robots", "household", 30 * DAY_MS, True),
    Topic("phone.usage", "derived use of phones and worn devices", "household", 30 * DAY_MS, True),
    Topic("care.calls", "check-in calls and their coded outcomes", "household", 30 * DAY_MS, True),
    Topic("responder.actions", "what responders did about incidents", "household", 400 * DAY_MS, True),
)

OUTPUTS: Final[tuple[Topic, ...]] = (
    Topic("incidents", "incident revisions, and a status record a minute", "household", 400 * DAY_MS),
    Topic("incidents.open", "the last revision of every open incident", "incident id", 0, compacted=True),
    Topic("households.view", "each household's rhythm and state for the board", "household", 0, compacted=True),
    Topic("checkin.requests", "calls and questions Anbu asks for", "household", 30 * DAY_MS),
    Topic("responder.results", "the answer to each responder action", "household", 30 * DAY_MS),
    Topic(
        "district.counts",
        "counts and outcomes of one partition, every five minutes of its clock",
        "partition",
        7 * DAY_MS,
    ),
    Topic("dead.letters", "what could not be used, with its reason", "household", 7 * DAY_MS),
)

ALL: Final[tuple[Topic, ...]] = ORDERED + OUTPUTS
BY_NAME: Final[dict[str, Topic]] = {topic.name: topic for topic in ALL}
ORDERED_NAMES: Final[tuple[str, ...]] = tuple(topic.name for topic in ORDERED)
ORDER_OF: Final[dict[str, int]] = {name: i for i, name in enumerate(ORDERED_NAMES)}
EVENT_TOPICS: Final[frozenset[str]] = frozenset({"home.sensors", "phone.usage", "care.calls"})

STATE: Final = "state"
"""What the changelog holds; it is named as Faust names those of its tables, `<application>-<table>-changelog`."""


def changelog_of(group: str) -> str:
    """Topic to which the workers of a consumer group write their snapshots."""
    return f"{group}-{STATE}-changelog"


CHANGELOG: Final = changelog_of("anbu")
"""The changelog of the default group."""


def changelog_topic(group: str) -> Topic:
    """Describe the changelog of a group.

    Compaction leaves the rows of the last hour alone: recovery falls back on the older rows of a household when the
    checkpoint of the newer ones never became whole.
    """
    return Topic(changelog_of(group), "snapshot rows and positions of the workers", "row", 0, compacted=True)
