"""Who may talk to the service."""

import pytest

from controller.access import access_rules
from models.errors import UserError

LAN = access_rules("0.0.0.0", ["192.168.1.0/24", "fd00::/8", "10.0.0.7"], "secret")  # noqa: S104
LOCAL = access_rules("127.0.0.1", [], None)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.3.2.1", "::1", "192.168.1.77", "fd00::1", "10.0.0.7", "::ffff:192.168.1.7"]
)
def test_admits_simulators_of_this_machine_and_of_the_networks(address):
    assert LAN.admits_simulator(address)


def test_a_network_may_be_named_by_one_of_its_addresses():
    rules = access_rules("0.0.0.0", ["192.168.1.5/24"], "secret")  # noqa: S104
    assert rules.admits_simulator("192.168.1.7")


@pytest.mark.parametrize("address", ["192.168.2.1", "10.0.0.8", "8.8.8.8", "fe80::1", "", "nonsense"])
def test_admits_no_other_simulators(address):
    assert not LAN.admits_simulator(address)


@pytest.mark.parametrize("host", ["127.0.0.1:4567", "localhost:4567", "LOCALHOST", "[::1]:4567", "[::1]"])
def test_a_local_service_goes_by_local_names(host):
    assert LOCAL.admits_name(host)


def test_a_local_service_goes_by_the_name_that_it_was_given():
    assert access_rules("127.0.0.9", [], None).admits_name("127.0.0.9:4567")


@pytest.mark.parametrize("host", ["evil.example:4567", "127.0.0.1.evil.example", "", "192.168.1.5:4567"])
def test_a_local_service_goes_by_no_other_name(host):
    assert not LOCAL.admits_name(host)
    assert LAN.admits_name(host)


def test_the_token_opens_the_web_routes():
    assert LAN.admits_operator("Bearer secret")
    for wrong in ("", "secret", "Bearer", "Bearer Secret", "Bearer secret ", "bearer s\u00e9cret"):
        assert not LAN.admits_operator(wrong)
    assert LOCAL.admits_operator("")


def test_a_token_counts_on_a_local_service_too():
    rules = access_rules("127.0.0.1", [], "secret")
    assert rules.admits_operator("Bearer secret")
    assert not rules.admits_operator("")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "LOCALHOST", "127.0.0.9"])
def test_a_loopback_address_needs_no_networks(host):
    assert access_rules(host, [], None).admits_simulator("127.0.0.1")


@pytest.mark.parametrize(
    ("host", "allow", "token", "sentence"),
    [
        ("0.0.0.0", [], "secret", "--allow 192.168.1.0/24"),  # noqa: S104
        ("192.168.1.5", [], "secret", "--allow"),
        ("0.0.0.0", ["10.0.0.0/8"], None, "LIQUID_DRIVE_TOKEN"),  # noqa: S104
        ("0.0.0.0", ["10.0.0.0/8"], "", "LIQUID_DRIVE_TOKEN"),  # noqa: S104
        ("127.0.0.1", ["10.0.0.0/99"], None, "is no network"),
        ("driver.example", [], None, "--allow"),
        ("127.0.0.1", [], "geh\u00e4im", "visible ASCII"),
        ("127.0.0.1", [], "two words", "visible ASCII"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(host, allow, token, sentence):
    with pytest.raises(UserError, match=sentence):
        access_rules(host, allow, token)


def test_an_empty_token_is_none():
    assert access_rules("127.0.0.1", [], "").admits_operator("")
