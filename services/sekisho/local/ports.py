"""Free TCP ports on the loopback interface for servers that are told their port before they start."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range that Linux (32768) and macOS (49152) give to outgoing connections: in that range, a client that knocks at the
# port of a broker that is just down can be given this very port, connect to itself, and keep the broker from coming back.
_PORTS = range(20_000, 32_000)
_TRIES = 200


class NoFreePortError(Exception):
    """No free port was found on the loopback interface: something on this machine holds very many of them."""

    def __init__(self) -> None:
        super().__init__(
            f"no free port between {_PORTS.start} and {_PORTS.stop} after {_TRIES} tries; stop other servers"
        )


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now. Another process may still take it a moment later."""
    with socket.socket() as probe:
        # as a Java server does: a port in TIME_WAIT counts as free
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> tuple[int, ...]:
    """Distinct ports that were free just now. Raises NoFreePortError."""
    found: list[int] = []
    # random, not the next in order: several processes that start servers at once must not all want the same
    for port in random.sample(_PORTS, _TRIES):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise NoFreePortError
