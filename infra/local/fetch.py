"""`python -m infra.local.fetch [--no-kafka] [--keycloak]`: fill the cache, so that later starts are fast."""

import sys

from infra.local.downloads import DownloadError, fetch_keycloak, fetch_mongod
from infra.local.kafka import prepare_kafka
from infra.local.processes import StackError


def main() -> int:
    try:
        fetch_mongod()
        if "--no-kafka" not in sys.argv[1:]:
            prepare_kafka()
        if "--keycloak" in sys.argv[1:]:
            fetch_keycloak()
    except (DownloadError, StackError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
