"""docs/integrate/kafka.md tells its readers to install what the tests run its programs with."""

import json
import re

from infra.assets import ROOT
from tests.support.documented import DOCS
from tests.support.kafka_samples import GO, PROGRAMS, RUN

JARS = "infra/local/kafka-jars.sha256"
PAGE = (DOCS / "integrate/kafka.md").read_text(encoding="utf-8")


def test_every_program_of_the_page_is_run() -> None:
    assert PROGRAMS.keys() == RUN.keys()


def test_the_page_names_the_versions_that_its_programs_are_run_with() -> None:
    packages = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    modules = dict(re.findall(r"(\S+) (v[\d.]+)$", (GO / "go.mod").read_text(encoding="utf-8"), re.MULTILINE))
    jars = dict(re.findall(r" ([a-z0-9-]+?)-([\d.]+)\.jar$", (ROOT / JARS).read_text(encoding="utf-8"), re.MULTILINE))
    python = re.findall(
        r"^confluent-kafka==\S+", (ROOT / "requirements-dev.lock").read_text(encoding="utf-8"), re.MULTILINE
    )
    franz = "github.com/twmb/franz-go"
    for installed in (
        *python,
        f"kafkajs@{packages['kafkajs']}",
        f"{franz}@{modules[franz]}",
        f"kafka-clients:{jars['kafka-clients']}",
        f"slf4j-nop:{jars['slf4j-api']}",
    ):
        assert f"{installed}`" in PAGE
