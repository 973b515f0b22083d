"""Create the topic set, and see whether the one that is there can be used."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError

from infra.ports import listens
from schemas.topics import ALL, ORDERED, Topic, changelog_topic
from streams.publish import broker_answers

_WITHIN_MS: Final = 15_000


class TopicError(RuntimeError):
    """A topic cannot be created or used as it is; one line that names it and the remedy."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as the broker has it. `config` is empty where the broker does not tell."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    replication: int = 1

    @property
    def compacted(self) -> bool:
        """Whether old records of a key are removed."""
        return "compact" in self.config.get("cleanup.policy", "")


def topic_set(group: str = "anbu") -> tuple[Topic, ...]:
    """Every topic that Anbu needs, the changelog of `group` included."""
    return (*ALL, changelog_topic(group))


def describe(bootstrap: str) -> dict[str, TopicState]:
    """Every topic of the broker, by name; internal ones are left out.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    with admin_of(bootstrap) as admin:
        return _describe(admin)


def create_topics(bootstrap: str, partitions: int, *, replication: int = 1, group: str = "anbu") -> list[str]:
    """Create what is missing of the topic set and return the names created: none the second time.

    Everything that is there is checked before anything is created.

    Raises:
        BrokerAwayError: the broker does not answer.
        TopicError: a topic is there with another partition count, an input is compacted, an output that must be is
            not, or the broker refuses to create one.

    """
    wanted = topic_set(group)
    with admin_of(bootstrap) as admin:
        there = _describe(admin)
        check(there, partitions, group=group)
        missing = [topic for topic in wanted if topic.name not in there]
        created = [topic.name for topic in missing if _create(admin, topic, partitions, replication)]
        if missing:
            admin.wait_for_topics([topic.name for topic in missing], timeout_ms=_WITHIN_MS)
        if len(created) < len(missing):
            # Somebody else made them in the meantime, perhaps otherwise.
            check(_describe(admin), partitions, group=group)
    return created


def check(there: Mapping[str, TopicState], partitions: int, *, group: str = "anbu") -> None:
    """Refuse topics that would break the order or lose state.

    Raises:
        TopicError: for the first topic of the set that is there and cannot be used; missing ones are no error.

    """
    inputs = {topic.name for topic in ORDERED}
    for topic in topic_set(group):
        state = there.get(topic.name)
        if state is None:
            continue
        if state.partitions != partitions:
            raise TopicError(
                f"topic {topic.name} has {state.partitions} partitions, the settings say {partitions}; correct"
                " ANBU_PARTITIONS, or move the set to more partitions with: anbu topics grow"
            )
        if topic.name in inputs and state.compacted:
            raise TopicError(
                f"topic {topic.name} is compacted, which removes ticks and old records of an input and the order with"
                " them: set its cleanup.policy to delete"
            )
        if topic.compacted and state.config and not state.compacted:
            raise TopicError(
                f"topic {topic.name} is not compacted, so its records would be removed by age: set its"
                " cleanup.policy to compact"
            )


def _create(admin: Any, topic: Topic, partitions: int, replication: int) -> bool:
    """Create one topic; False when it is there already."""
    request = {"num_partitions": partitions, "replication_factor": replication, "configs": topic.config}
    try:
        admin.create_topics({topic.name: request})
    except TopicAlreadyExistsError:
        return False
    except InvalidReplicationFactorError as error:
        raise TopicError(f"topic {topic.name} cannot have {replication} replicas: the cluster is smaller") from error
    except KafkaError as error:
        raise TopicError(f"topic {topic.name} cannot be created: the broker answers {type(error).__name__}") from error
    return True


def _describe(admin: Any) -> dict[str, TopicState]:
    # Never asks for a topic by name before it is listed: some brokers create what is asked for.
    names = admin.list_topics()
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs = admin.describe_configs(asked, config_filter="all").get("topic", {})
    return {
        topic["name"]: TopicState(
            topic["name"],
            len(topic["partitions"]),
            {key: str(entry["value"]) for key, entry in configs.get(topic["name"], {}).items()},
            len(topic["partitions"][0].get("replica_nodes", [])) if topic["partitions"] else 1,
        )
        for topic in admin.describe_topics(names)
        if not topic["is_internal"]
    }


@contextlib.contextmanager
def admin_of(bootstrap: str) -> Iterator[Any]:
    """Open a client that may create and change topics.

    Raises:
        BrokerAwayError: the broker does not answer.

    """
    hosts = bootstrap.split(",")
    with broker_answers(bootstrap):
        if not any(listens(host.strip("[]"), int(port)) for host, _, port in (each.rpartition(":") for each in hosts)):
            raise ConnectionRefusedError(bootstrap)
        admin = KafkaAdminClient(bootstrap_servers=hosts, bootstrap_timeout_ms=_WITHIN_MS)
        try:
            yield admin
        finally:
            admin.close()
