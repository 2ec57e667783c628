"""The health check of the image: whether the service of this container is alive. It uses the standard library only,
because it runs all the time. It asks where strangers cannot ask, so it gets
its answer while they fill the public port.
"""

import http.client
import os
import sys

TIMEOUT_SECONDS = 4


def is_alive(port: int, host: str = "127.0.0.1") -> bool:
    """Whether `/health/live` answers 200."""
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    port = os.environ.get("HEARTH_INSIDE_PORT") or os.environ["HEARTH_PORT"]
    sys.exit(0 if is_alive(int(port)) else 1)
