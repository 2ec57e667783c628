"""`make profile`: what reports cost that come at a steady rate, and where the time of each service goes.

First, what a report costs each process, and how much it asks of MongoDB and Kafka (benchmarks/costs.py). Then, by
sampling, two tables for each service: by package (the code that ran) and by our own function (for which it ran). The
samples are kept as `benchmarks/results/profile-<service>.txt`, one stack a line, as flame graph programs read them.
"""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.costs import costs_of, tables
from benchmarks.results import FOLDER
from benchmarks.rig import load
from benchmarks.sustained import CONTACT_SHARE, WARM_UP, Carrying
from infra.local.stack import Stack, StackSettings
from infra.local.system import run_system

RATE = 300
COUNTED = 1_500
SECONDS = 20
SAMPLES = 200
"""A second."""
SHOWN = 10
OURS = ("services/", "shared/")


def main() -> int:
    """Exit status 1 when this user may not look into other processes."""
    sampler = Path(sys.executable).with_name("py-spy")
    FOLDER.mkdir(exist_ok=True)
    with Stack(StackSettings.private()) as stack, run_system(stack) as system:
        carrying = Carrying(system)
        carrying.carry(WARM_UP, rate=100)
        carrying.carry(COUNTED, rate=RATE)
        for table in tables(carrying.before, costs_of(system), COUNTED):
            Console().print(table)
        files = {name: FOLDER / f"profile-{name}.txt" for name in system.processes}
        options = ["record", "--gil", "--format", "raw", "--rate", str(SAMPLES), "--duration", str(SECONDS)]
        sampling = [
            subprocess.Popen(
                [sampler, *options, "--output", files[name], "--pid", str(process.pid)], stdout=subprocess.DEVNULL
            )
            for name, process in system.processes.items()
        ]
        load(f"{system.url('intake')}/v1/reports", rate=RATE, seconds=SECONDS + 2, contact_share=CONTACT_SHARE)
        if max(process.wait() for process in sampling):
            print("Sampling needs root, or kernel.yama.ptrace_scope=0.", file=sys.stderr)
            return 1
    for name, file in files.items():
        show(name, read(file))
    return 0


def read(file: Path) -> list[tuple[Sequence[str], int]]:
    """The stacks, outermost frame first as `function (file:line)`, and how often each was seen."""
    lines = [line.rpartition(" ") for line in file.read_text(encoding="utf-8").splitlines()]
    return [(stack.split(";"), int(count)) for stack, _, count in lines]


def show(name: str, stacks: Sequence[tuple[Sequence[str], int]]) -> None:
    """Print both tables of a service. Busy is the share of one core in which it ran Python."""
    total = sum(count for _, count in stacks)
    packages: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for frames, count in stacks:
        packages[_package(frames[-1])] += count
        # What runs under no frame of ours belongs to the server, the driver's threads or the consumer.
        functions[next((_function(f) for f in reversed(frames) if _is_ours(f)), _package(frames[-1]))] += count
    table = Table(
        "package", "share", "on behalf of", "share", title=f"{name}: busy {total / SECONDS / SAMPLES:.0%} at {RATE}/s"
    )
    for package, function in zip(packages.most_common(SHOWN), functions.most_common(SHOWN), strict=False):
        table.add_row(package[0], f"{package[1] / total:.0%}", function[0], f"{function[1] / total:.0%}")
    Console().print(table)


def _is_ours(frame: str) -> bool:
    # Everything runs under these two, so they tell nothing.
    return frame.partition(" (")[2].startswith(OURS) and "__main__.py" not in frame and "shared/runtime.py" not in frame


def _function(frame: str) -> str:
    name, _, place = frame.partition(" (")
    return f"{place.partition(':')[0]}: {name.replace('.<locals>', '')}"


def _package(frame: str) -> str:
    return frame.partition(" (")[2].partition(":")[0].partition("/")[0]


if __name__ == "__main__":
    sys.exit(main())
