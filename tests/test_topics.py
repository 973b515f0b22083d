import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaAdminClient

import infra.topics
from infra.broker import Broker
from infra.ports import free_ports
from infra.topics import TopicError, TopicState, check, create_topics, describe, topic_set
from schemas.topics import ALL, CHANGELOG, ORDERED, changelog_of
from streams.publish import BrokerAwayError

GROUP = "anbu"


@pytest.fixture
def admin(any_broker: Broker) -> Iterator[Any]:
    client = KafkaAdminClient(bootstrap_servers=any_broker.bootstrap)
    yield client
    client.close()


def _states(partitions: int = 4, **other_policy: str) -> dict[str, TopicState]:
    """The set as it should be, but for the cleanup policies given by `topic_name=policy` (dots as underscores)."""
    return {
        topic.name: TopicState(
            topic.name,
            partitions,
            {"cleanup.policy": other_policy.get(topic.name.replace(".", "_"), topic.config["cleanup.policy"])},
        )
        for topic in topic_set(GROUP)
    }


def test_the_changelog_has_the_name_faust_gives_it() -> None:
    faust = pytest.importorskip("faust")
    app = faust.App("anbu", broker="kafka://127.0.0.1:1", autodiscover=False)
    table = app.Table("state", partitions=4)
    assert table._changelog_topic_name() == CHANGELOG == changelog_of("anbu")


def test_the_set_holds_every_topic_once_and_compacts_no_input() -> None:
    names = [topic.name for topic in topic_set(GROUP)]
    assert len(set(names)) == len(names) == len(ALL) + 1
    assert not any("compact" in topic.config["cleanup.policy"] for topic in ORDERED)


def test_topics_are_created_once_with_their_partitions_and_policies(any_broker: Broker) -> None:
    created = create_topics(any_broker.bootstrap, 3, group="north")
    assert created == [topic.name for topic in topic_set("north")]
    assert create_topics(any_broker.bootstrap, 3, group="north") == []
    there = describe(any_broker.bootstrap)
    assert set(there) == set(created)
    for topic in topic_set("north"):
        assert there[topic.name].partitions == 3
        told = {key: there[topic.name].config.get(key) for key in topic.config}
        assert told == topic.config


def test_what_is_missing_is_created_beside_what_is_there(any_broker: Broker) -> None:
    create_topics(any_broker.bootstrap, 2)
    assert create_topics(any_broker.bootstrap, 2, group="south") == ["south-state-changelog"]


def test_another_partition_count_is_refused_and_nothing_is_created(any_broker: Broker, admin: Any) -> None:
    admin.create_topics({"care.calls": {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    with pytest.raises(TopicError, match=r"care\.calls has 2 partitions, the settings say 4"):
        create_topics(any_broker.bootstrap, 4)
    assert set(describe(any_broker.bootstrap)) == {"care.calls"}


def test_a_compacted_input_is_refused(any_broker: Broker, admin: Any) -> None:
    request = {"num_partitions": 4, "replication_factor": 1, "configs": {"cleanup.policy": "compact,delete"}}
    admin.create_topics({"home.sensors": request}, wait_for_metadata=True)
    with pytest.raises(TopicError, match=r"home\.sensors is compacted"):
        create_topics(any_broker.bootstrap, 4)


def test_a_broker_that_is_away_is_said_in_one_line() -> None:
    with pytest.raises(BrokerAwayError, match="does not answer") as error:
        create_topics(f"127.0.0.1:{free_ports(1)[0]}", 4)
    assert "\n" not in str(error.value)


def test_a_right_set_and_a_missing_set_are_no_error() -> None:
    check(_states(), 4)
    check({}, 4)


@pytest.mark.parametrize("topic", ORDERED, ids=lambda topic: topic.name)
def test_no_input_may_be_compacted(topic: Any) -> None:
    for policy in ("compact", "compact,delete", "delete,compact"):
        with pytest.raises(TopicError, match=topic.name):
            check(_states(**{topic.name.replace(".", "_"): policy}), 4)


def test_a_view_that_is_not_compacted_is_refused_because_age_would_remove_it() -> None:
    with pytest.raises(TopicError, match=r"incidents\.open is not compacted"):
        check(_states(incidents_open="delete"), 4)


def test_errors_are_one_line_each() -> None:
    for states in (_states(5), _states(home_sensors="compact"), _states(incidents_open="delete")):
        with pytest.raises(TopicError) as error:
            check(states, 4)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("theirs", [2, 3])
def test_topics_that_appear_meanwhile_are_used_if_they_are_the_same(
    any_broker: Broker, monkeypatch: pytest.MonkeyPatch, theirs: int
) -> None:
    """Two create at once: this one sees no topics when it looks, and all of them when it creates."""
    create_topics(any_broker.bootstrap, theirs)
    looks = itertools.count()
    look = infra.topics._describe
    monkeypatch.setattr("infra.topics._describe", lambda admin: look(admin) if next(looks) else {})
    if theirs == 2:
        assert create_topics(any_broker.bootstrap, 2) == []
    else:
        with pytest.raises(TopicError, match="has 3 partitions"):
            create_topics(any_broker.bootstrap, 2)
