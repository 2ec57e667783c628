"""One whole system for all files of a run that want one as it is; see tests/support/scheduling.py."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from infra.local.stack import Stack, StackSettings
from infra.local.system import System, run_system
from tests.e2e.collector import Collector, collecting
from tests.e2e.way import Way, open_way

UNCOMPRESSED = (
    "--wiredTigerCollectionBlockCompressor", "none", "--wiredTigerJournalCompressor", "none",
    "--wiredTigerIndexPrefixCompression", "false",
)  # fmt: skip
"""Options by which the files of MongoDB hold in clear what is stored in clear."""


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Gets the spans of the system."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="package")
def system(collector: Collector) -> Iterator[System]:
    """The whole system on a stack of its own. Who has killed a service starts it again."""
    settings = replace(StackSettings.private(), mongo_options=UNCOMPRESSED)
    tracing = {"HEARTH_OTLP_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    with Stack(settings) as stack, run_system(stack, {**tracing, "HEARTH_SEAL_SECONDS": "1"}) as system:
        yield system


@pytest.fixture(scope="module")
def way(system: System, collector: Collector) -> Iterator[Way]:
    """That system and clients of it, signed in for each file, because a decision wants people who have just done so."""
    with open_way(system, collector) as way:
        yield way
