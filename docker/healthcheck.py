"""Asks the service in this container whether it is well; exits with 0 where it is."""

import http.client
import os
import sys

from entrypoint import ANYWHERE, endpoint

TIMEOUT_S = 2.0


def is_healthy(host: str, port: int) -> bool:
    """Says whether `/healthz` answers 200 in time."""
    try:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


if __name__ == "__main__":
    listens, port = endpoint(os.environ)
    sys.exit(0 if is_healthy("127.0.0.1" if listens == ANYWHERE else listens, port) else 1)
