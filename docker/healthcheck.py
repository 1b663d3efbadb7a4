"""Asks the service in this container whether it is well; exits with 0 where it is."""

import http.client
import sys

PORT = 4567
TIMEOUT_S = 2.0


def is_healthy(port: int = PORT) -> bool:
    """Says whether `/healthz` answers 200 in time."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    sys.exit(0 if is_healthy() else 1)
