"""The back end's sockets and websocket payloads."""

import contextlib
import socket
import threading

import eventlet
import pytest
from eventlet.websocket import FailedConnectionError, RFC6455WebSocket
from hypothesis import given
from hypothesis import strategies as st

from models.errors import UserError
from sim_bridges.udacity.eventlet_backend import BoundedMessage, EventletBackend, LowLatencySocket, unmask

bytes_of_a_mask = st.tuples(*[st.integers(0, 255)] * 4)


@given(st.binary(max_size=3000), bytes_of_a_mask, st.integers(0, 100))
def test_unmasks_as_the_protocol_says(payload, mask, offset):
    masked = bytes(byte ^ mask[(offset + index) % 4] for index, byte in enumerate(payload))
    assert unmask(masked, mask, len(masked), offset) == payload
    assert unmask(unmask(payload, mask), mask) == payload


def test_eventlet_still_calls_what_is_replaced():
    """The names that the back end takes the place of; another eventlet release may rename them."""
    with contextlib.closing(EventletBackend("127.0.0.1", 0)):
        assert RFC6455WebSocket._apply_mask is unmask
        assert RFC6455WebSocket.Message is BoundedMessage


def test_of_two_that_bind_a_port_at_once_the_later_to_listen_says_why_it_cannot():
    with (
        contextlib.closing(EventletBackend("127.0.0.1", 0)) as first,
        contextlib.closing(EventletBackend("127.0.0.1", first.port)) as second,
    ):
        first.start(lambda _environ, _start_response: [])
        with pytest.raises(UserError, match=r"Cannot listen on .*in use\. `liquid-drive doctor`"):
            second.start(lambda _environ, _start_response: [])


def test_an_error_ends_neither_what_is_posted_nor_what_is_repeated(caplog):
    done = []

    def fail(kind):
        done.append(kind)
        raise RuntimeError("out of order")

    with contextlib.closing(EventletBackend("127.0.0.1", 0)) as backend:
        backend.every(0.001, lambda: fail("repeated"))
        for _ in range(3):
            backend.post(lambda: fail("posted"))
        while done.count("repeated") < 3:
            eventlet.sleep(0.01)
    assert done.count("posted") == 3
    assert "out of order" in caplog.records[0].fields["error"]


def test_a_name_that_is_none_is_the_users_to_mend():
    with pytest.raises(UserError, match="Cannot listen on"):
        EventletBackend("x" * 70, 0)


def test_a_closed_connection_may_be_shut_down_once_more():
    accepted, client = connected()
    accepted.close()
    accepted.shutdown(socket.SHUT_WR)
    client.close()


def test_the_fragments_of_a_message_are_bounded_together():
    message = BoundedMessage(1, 100)
    message.push(b"x" * 60)
    message.push(b"x" * 40)
    with pytest.raises(FailedConnectionError):
        message.push(b"x")


def connected() -> tuple[LowLatencySocket, socket.socket]:
    listener = LowLatencySocket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)
    client = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    listener.close()
    return accepted, client


def test_an_accepted_connection_sends_at_once_and_reads_ahead():
    accepted, client = connected()
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    client.sendall(b"0123456789")
    client.shutdown(socket.SHUT_WR)
    received = []
    while chunk := accepted.recv(3):
        received.append(chunk)
    assert b"".join(received) == b"0123456789"
    assert max(map(len, received)) <= 3
    assert accepted.recv(3) == b""
    accepted.close()
    client.close()


def test_closing_ends_the_connection_although_files_keep_it_open():
    accepted, client = connected()
    with accepted.makefile("rb"):
        accepted.close()
        client.settimeout(30)
        assert client.recv(1) == b""
    client.close()


def test_a_client_that_floods_has_to_wait():
    accepted, client = connected()
    accepted._allowance_bytes = -1.0
    waited: list[float] = []
    client.sendall(b"x" * 1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eventlet, "sleep", waited.append)
        accepted._slow_down(10_000_000)
    assert 0.5 < waited[0] < 2.0
    accepted.close()
    client.close()


def test_receiving_makes_a_client_that_floods_wait(monkeypatch):
    accepted, client = connected()
    accepted._allowance_bytes = -16_000_000.0
    waited: list[float] = []
    client.sendall(b"x" * 1000)
    monkeypatch.setattr(eventlet, "sleep", waited.append)
    accepted.recv(10)
    assert 1.0 < max(waited) < 2.1
    accepted.close()
    client.close()


def test_a_client_that_was_idle_has_saved_up_a_seconds_worth_only(monkeypatch):
    accepted, client = connected()
    accepted._allowance_s -= 100.0
    waited: list[float] = []
    monkeypatch.setattr(eventlet, "sleep", waited.append)
    accepted._slow_down(12_000_000)
    accepted._slow_down(24_000_000)
    assert waited[0] == pytest.approx(0.5)
    assert 2.6 < waited[1] <= 3.5  # Time may have passed between the two, on a busy machine.
    accepted.close()
    client.close()


def test_a_client_that_always_has_something_to_say_gives_the_others_their_turn():
    accepted, client = connected()
    client.sendall(b"x" * 50_000)
    turns: list[int] = []

    def take_turns() -> None:
        while True:
            turns.append(len(turns))
            eventlet.sleep(0)

    other = eventlet.spawn(take_turns)
    for _ in range(50_000):
        accepted.recv(1)
        if len(turns) > 3:
            break
        accepted._running_since_s -= 0.001
    assert len(turns) > 3
    other.kill()
    accepted.close()
    client.close()


def test_functions_are_called_on_the_servers_thread_whoever_posts_them():
    backend = EventletBackend("127.0.0.1", 0)
    called: list[int] = []
    server = threading.get_ident()

    def post_many() -> None:
        for number in range(10_000):
            backend.post(lambda number=number: called.append(number) or check())

    def check() -> None:
        assert threading.get_ident() == server
        if len(called) == 10_000:
            backend.end()
            backend.end()

    poster = threading.Thread(target=post_many)
    poster.start()
    with eventlet.Timeout(60):
        backend.wait_for_end()
    poster.join(30)
    assert called == list(range(10_000))
    backend.close()


def test_a_free_port_is_chosen_and_nothing_listens_before_start():
    backend = EventletBackend("127.0.0.1", 0)
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", backend.port), timeout=30)
    backend.close()
