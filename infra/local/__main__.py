"""`python -m infra.local`: the whole stack until Ctrl-C. `--services` adds the four services, with fresh secrets.

`BROKER=auto|kafka|memory` chooses the broker, `KEEP=1` keeps the data in `.data/`.
"""

import argparse
import signal
import sys
import time
from contextlib import ExitStack

from infra.local.processes import StackError
from infra.local.stack import Stack, StackSettings
from infra.local.system import run_system
from infra.services import SERVICES


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.local", description="The stack without Docker.")
    parser.add_argument("--services", action="store_true", help="start the four services too")
    arguments = parser.parse_args()
    began = time.monotonic()
    try:
        with Stack(StackSettings.from_environment()) as stack, ExitStack() as services:
            rows = {
                "Kafka": f"{stack.kafka} ({stack.broker})",
                "MongoDB": stack.mongo,
                "SMTP": "{}:{}".format(*stack.smtp),
                "Mails": stack.mail_url,
                "Sign-in": stack.sign_in,
            }
            if arguments.services:
                system = services.enter_context(run_system(stack))
                system.enrol_accounts()
                rows |= {name: system.url(name) for name in SERVICES}
            rows |= {"Logs": str(stack.logs), "Data": str(stack.settings.data or "thrown away at the end")}
            for name, value in rows.items():
                print(f"{name:<14}{value}")
            print(f"Ready after {time.monotonic() - began:.1f} s. Ctrl-C ends it.", flush=True)
            signal.pause()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
