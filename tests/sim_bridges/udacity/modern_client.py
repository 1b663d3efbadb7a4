"""A client of today's Socket.IO protocol, which is not the simulator's."""

import socketio


class ModernClient(socketio.SimpleClient):
    """Socket.IO's own client; it dials once.

    One that dials again does so for ever where its test ends in between, and each time draws from Python's
    global generator, so that no training in the same process repeats itself.
    """

    def __init__(self) -> None:
        super().__init__(reconnection=False)
