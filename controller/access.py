"""Who may talk to the service: addresses for simulators, a token for the web routes."""

import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.errors import UserError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TOKEN = re.compile(r"[!-~]+")
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of who may talk to the service.

    Attributes:
        networks: Networks whose simulators are admitted besides this machine's own.
        token: Secret of the web routes; None on a service that only this machine reaches.
        names: Host names under which the service may be addressed; None for any. A service that only this
            machine reaches has to check them, because a web page may point a name of its own to this
            machine.
    """

    networks: tuple[Network, ...]
    token: str | None
    names: frozenset[str] | None

    def admits_simulator(self, address: str) -> bool:
        """Says whether a simulator at an address may connect."""
        try:
            host = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(host, ipaddress.IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        return host.is_loopback or any(host in network for network in self.networks)

    def admits_name(self, host_header: str) -> bool:
        """Says whether the service may be addressed under the name in a request's Host header."""
        if self.names is None:
            return True
        name = host_header.rsplit(":", 1)[0] if not host_header.endswith("]") else host_header
        return name.strip("[]").lower() in self.names

    def admits_operator(self, authorization: str) -> bool:
        """Says whether a request with this Authorization header may use the web routes."""
        if self.token is None:
            return True
        return hmac.compare_digest(authorization.encode(), f"Bearer {self.token}".encode())


def access_rules(host: str, allow: Sequence[str], token: str | None) -> Access:
    """Returns the rules for a service that listens on a host.

    Args:
        host: Address or name on which the service listens.
        allow: Networks of simulators, such as `192.168.1.0/24`.
        token: Secret of the web routes; an empty one, as `.env` files leave it, is none.

    Raises:
        UserError: A network or the token cannot be used, or a service that others can reach lacks one.
    """
    networks = tuple(_network(text) for text in allow)
    if token and not _TOKEN.fullmatch(token):
        raise UserError("LIQUID_DRIVE_TOKEN must be of visible ASCII characters: a header holds no others.")
    if _is_loopback(host):
        return Access(networks, token or None, _LOOPBACK_NAMES | {host.lower()})
    if not networks:
        raise UserError(
            f"With --host {host}, say which simulators may connect: --allow 192.168.1.0/24, for example."
        )
    if not token:
        raise UserError(
            f"With --host {host}, set the variable LIQUID_DRIVE_TOKEN to a secret for the web routes."
        )
    return Access(networks, token, None)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise UserError(f"--allow {text} is no network; 192.168.1.0/24 is one.") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
