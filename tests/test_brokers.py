import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

import infra.kafka_jars
from infra.broker import Broker, BrokerError
from infra.embedded import EmbeddedBroker
from infra.kafka_jars import JARS, java, kafka_jars
from infra.kafka_node import KafkaNode
from infra.ports import free_ports
from infra.processes import Child, ProcessError, first_dead, start_command, stop_all
from infra.topics import create_topics
from streams.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def _await(condition: Callable[[], bool], within_s: float = 20.0) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _listening_addresses(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.rpartition(":")[2], 16) == port:
                found.add(local.rpartition(":")[0])
    return found


def _send(broker: Broker, *values: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    for value in values:
        producer.send("home.sensors", value, partition=0).get(10)
    producer.close()


def _read(broker: Broker, count: int) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap, enable_auto_commit=False)
    place = TopicPartition("home.sensors", 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    values: list[bytes] = []
    end = time.monotonic() + 20
    while len(values) < count and time.monotonic() < end:
        values += [record.value for records in consumer.poll(200).values() for record in records]
    consumer.close()
    return values


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Child]:
    with Child("sleeper", ["sleep", "600"], log=tmp_path / "sleeper.log") as running:
        yield running


class TestChildren:
    def test_a_child_is_the_command_itself_so_that_its_pid_is_the_one_to_signal(self, child: Child) -> None:
        assert _await(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "sleep\n")
        assert child.alive
        assert child.exit_code is None

    def test_a_stopped_child_is_gone_and_stopping_it_again_is_harmless(self, child: Child) -> None:
        assert child.stop() == -signal.SIGTERM
        assert child.stop() == -signal.SIGTERM
        assert not child.alive
        assert first_dead([child]) is child

    def test_a_child_that_ignores_sigterm_is_killed(self, tmp_path: Path) -> None:
        code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
        deaf = Child("deaf", [sys.executable, "-c", code], log=tmp_path / "deaf.log")
        assert _await(lambda: deaf.tail() == "deaf")
        assert deaf.stop(within_s=0.1) == -signal.SIGKILL

    def test_several_children_are_stopped_together(self, tmp_path: Path) -> None:
        children = [Child(f"s{i}", ["sleep", "600"], log=tmp_path / f"{i}.log") for i in range(3)]
        assert first_dead(children) is None
        stop_all(children)
        assert [child.alive for child in children] == [False] * 3

    def test_a_child_gets_the_environment_and_its_words_are_kept(self, tmp_path: Path) -> None:
        code = "import os, sys; print(os.environ['ANBU_KAFKA']); print('last', file=sys.stderr); sys.exit(3)"
        log = tmp_path / "logs" / "child.log"
        done = Child("child", [sys.executable, "-c", code], log=log, env={"ANBU_KAFKA": "kafka://h:1"})
        assert done.wait(30) == 3
        assert done.tail() == "kafka://h:1\nlast"
        assert done.tail(1) == "last"

    def test_a_command_that_does_not_exist_says_so_in_its_log(self, tmp_path: Path) -> None:
        lost = Child("lost", ["/no/such/command"], log=tmp_path / "lost.log")
        assert lost.wait(30) == 1
        assert "/no/such/command" in lost.tail()

    def test_waiting_for_a_child_that_goes_on_is_an_error(self, child: Child) -> None:
        with pytest.raises(ProcessError, match="sleeper still runs"):
            child.wait(0.01)

    def test_a_command_of_the_project_is_started_with_the_settings(self, tmp_path: Path) -> None:
        started = start_command("ticker", "--help", settings=Settings(partitions=7), logs=tmp_path)
        assert started.wait(30) == 0
        assert started.log == tmp_path / "ticker.log"
        assert "Usage:" in started.tail(1000)

    @pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
    def test_no_child_outlives_a_launcher_that_was_killed(self, tmp_path: Path) -> None:
        script = (
            "import time; from pathlib import Path; from infra.embedded import EmbeddedBroker\n"
            f"broker = EmbeddedBroker(folder=Path({str(tmp_path)!r})).start(); print(broker.pid, flush=True)\n"
            "time.sleep(600)"
        )
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT) as launcher:
            assert launcher.stdout is not None
            broker_pid = int(launcher.stdout.readline())
            assert _is_running(broker_pid)
            launcher.kill()
        assert _await(lambda: not _is_running(broker_pid))

    def test_negative_control_without_the_tether_it_would_outlive_it(self) -> None:
        script = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(600)"
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as launcher:
            assert launcher.stdout is not None
            orphan = int(launcher.stdout.readline())
            launcher.kill()
        try:
            assert _is_running(orphan)
        finally:
            os.kill(orphan, signal.SIGKILL)


class TestPorts:
    def test_free_ports_differ_and_lie_outside_the_range_of_outgoing_connections(self) -> None:
        ports = free_ports(20)
        assert len(set(ports)) == 20
        assert all(20_000 <= port <= 32_000 for port in ports)

    def test_a_taken_port_is_not_given(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            taken = held.getsockname()[1]
            (free,) = free_ports(1)
            draws = iter([taken, taken, free, free, *range(20_001, 20_050)])
            monkeypatch.setattr("infra.ports._draw.randint", lambda _low, _high: next(draws))
            # One given before may be waited for by a part that has not begun to listen.
            assert free_ports(1)[0] not in {taken, free}
            assert next(draws) > 20_001, "both were drawn"


class TestEmbeddedBroker:
    def test_what_is_sent_can_be_read(self, any_broker: Broker) -> None:
        create_topics(any_broker.bootstrap, 2)
        values = [b"%d" % i for i in range(50)]
        _send(any_broker, *values)
        assert _read(any_broker, 50) == values

    def test_it_listens_on_loopback_only(self, broker: EmbeddedBroker) -> None:
        assert broker.url == f"kafka://127.0.0.1:{broker.port}"
        assert _listening_addresses(broker.port) == {"0100007F"}

    def test_it_ends_when_closed_and_takes_its_folder_along(self) -> None:
        with EmbeddedBroker() as broker:
            pid, folder = broker.pid, broker.folder
            assert broker.alive
            assert folder.exists()
        assert not broker.alive
        assert not _is_running(pid)
        assert not folder.exists()

    def test_a_restart_gives_an_empty_one_on_the_same_port(self) -> None:
        with EmbeddedBroker() as broker:
            url = broker.url
            assert create_topics(broker.bootstrap, 1) != []
            broker.stop(kill=True)
            assert not broker.alive
            broker.start()
            assert broker.url == url
            assert create_topics(broker.bootstrap, 1) != []

    def test_a_taken_port_is_an_error_and_nobody_elses_broker_passes_for_it(self, broker: EmbeddedBroker) -> None:
        second = EmbeddedBroker(port=broker.port, within_s=5)
        with pytest.raises(BrokerError, match=f"port {broker.port} of loopback is taken"), second:
            pass
        assert not second.alive
        assert broker.alive

    def test_its_pid_is_an_error_before_the_start(self) -> None:
        broker = EmbeddedBroker()
        with pytest.raises(BrokerError, match="not started"):
            _ = broker.pid
        broker.close()


class TestKafkaNeeds:
    def test_a_missing_java_is_named_with_its_remedy(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BrokerError, match=r"Java 17.*apt-get install"):
            java()

    def test_an_old_java_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        old = tmp_path / "java"
        old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
        old.chmod(0o755)
        monkeypatch.setattr(infra.kafka_jars.shutil, "which", lambda _name: str(old))
        with pytest.raises(BrokerError, match="is Java 11"):
            java()

    def test_a_missing_maven_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(BrokerError, match=r"no mvn is on the PATH.*apt-get install"):
            kafka_jars(tmp_path / "libs")

    def test_a_failed_fetch_leaves_no_half_set_of_jars(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        maven = tmp_path / "mvn"
        maven.write_text("#!/bin/sh\necho 'cannot resolve'\nexit 1\n")
        maven.chmod(0o755)
        monkeypatch.setattr(infra.kafka_jars.shutil, "which", lambda _name: str(maven))
        with pytest.raises(BrokerError, match="cannot resolve"):
            kafka_jars(tmp_path / "build" / "libs")
        assert list((tmp_path / "build").iterdir()) == []

    def test_the_jars_that_are_there_are_not_fetched_again(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "kafka_2.13-4.1.1.jar").touch()
        monkeypatch.setattr(infra.kafka_jars.shutil, "which", lambda _name: None)
        assert kafka_jars(tmp_path) == tmp_path

    def test_the_version_asked_of_maven_is_the_one_looked_for(self) -> None:
        pom = (ROOT / "infra" / "kafka_pom.xml").read_text()
        assert f"<version>{infra.kafka_jars.KAFKA_VERSION}</version>" in pom

    def test_extra_properties_win(self, tmp_path: Path) -> None:
        node = KafkaNode(folder=tmp_path, properties={"log.segment.bytes": "1048576"})
        properties = node.properties()
        assert properties["log.segment.bytes"] == "1048576"
        assert properties["auto.create.topics.enable"] == "false"
        assert "127.0.0.1" in properties["listeners"]


@pytest.fixture(scope="module")
def node(kafka: KafkaNode) -> Iterator[KafkaNode]:  # asks for `kafka`, which fails where it must be and cannot
    with KafkaNode(jars=ROOT / JARS, properties={"log.segment.bytes": "1048576"}) as running:
        yield running


@pytest.mark.integration
class TestKafkaNode:
    @pytest.mark.parametrize("kill", [False, True])
    def test_a_restart_keeps_the_data_and_the_address(self, node: KafkaNode, kill: bool) -> None:
        url = node.url
        create_topics(node.bootstrap, 2)
        _send(node, b"kept %d" % kill)
        node.stop(kill=kill)
        assert not node.alive
        node.start()
        assert node.url == url
        count = 1 + kill
        assert _read(node, count)[-1] == b"kept %d" % kill

    def test_it_listens_on_loopback_only(self, node: KafkaNode) -> None:
        # An IPv4 address may stand in the IPv6 table as ::ffff:127.0.0.1.
        assert _listening_addresses(node.port) <= {"0100007F", "0000000000000000FFFF00000100007F"}
        assert _listening_addresses(node.port)

    def test_a_bad_property_is_an_error_that_shows_the_log(self, kafka: KafkaNode) -> None:
        bad = KafkaNode(jars=ROOT / JARS, properties={"log.segment.bytes": "many"})
        with pytest.raises(BrokerError, match=r"log\.segment\.bytes"), bad:
            pass
        assert not bad.alive
        assert not bad.folder.exists()
