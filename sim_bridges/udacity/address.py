"""Where a service listens, and how simulators call it."""

import socket
from typing import Any


def resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Returns the family and the address of a host; where a name has several, one of IPv4.

    The simulator calls 127.0.0.1, and `localhost` may be ::1 as well.

    Raises:
        OSError: The name is unknown.
        UnicodeError: It is no name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, *_, address = min(found, key=lambda each: each[0] is not socket.AF_INET)
    return family, address


def simulator_url(port: int) -> str:
    """Returns the address that simulators on this machine dial."""
    return f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
