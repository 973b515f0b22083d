"""Ports: which are free on loopback, and whether anybody listens."""

import contextlib
import random
import socket
from typing import Final

# Below the range from which Linux takes the near end of outgoing connections: a client that retries a stopped
# broker's port out of that range can be given this very port, connect to itself, and keep the broker from returning.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_draw: Final = random.SystemRandom()
_given: Final[set[int]] = set()
"""Ports given to this process: one that waits for its part to start must not be given to another meanwhile."""


def free_ports(count: int) -> list[int]:
    """`count` different TCP ports, free on 127.0.0.1 a moment ago and never given to this process before.

    Raises:
        OSError: none was found.

    """
    ports: list[int] = []
    with contextlib.ExitStack() as held:
        for _ in range(200 * count):
            if len(ports) == count:
                break
            port = _draw.randint(_FIRST, _LAST)
            trial = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            with contextlib.suppress(OSError):
                trial.bind(("127.0.0.1", port))
                if port not in _given:
                    _given.add(port)
                    ports.append(port)
    if len(ports) == count:
        return ports
    raise OSError(f"no free loopback port between {_FIRST} and {_LAST}")


def listens(host: str, port: int, within_s: float = 1.0) -> bool:
    """Whether anybody accepts connections there.

    Ask before making a Kafka client: with nobody there the library retries for long, logs each failure, and leaves a
    thread and a socket behind when it gives up.
    """
    try:
        with socket.create_connection((host, port), timeout=within_s):
            return True
    except OSError:
        return False
