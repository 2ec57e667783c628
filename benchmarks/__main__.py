"""`python -m benchmarks [NAME …]`: run all benchmarks, or those named, and print one table."""

import importlib
import sys

from benchmarks.results import Result, show, write

NAMES = ("start", "intake", "way", "guessing", "gate", "sustained", "flat", "baseline", "triage")


def main() -> int:
    """Exit status 1 when a goal is missed, 2 for a name that does not exist."""
    wanted = sys.argv[1:] or list(NAMES)
    if unknown := [name for name in wanted if name not in NAMES]:
        print(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}.", file=sys.stderr)
        return 2
    every: list[Result] = []
    for name in wanted:
        print(f"{name} …", file=sys.stderr, flush=True)
        results = importlib.import_module(f"benchmarks.{name}").run()
        write(name, results)
        every += results
    show(every)
    return 0 if all(result.met for result in every) else 1


if __name__ == "__main__":
    sys.exit(main())
