"""`make demo ONCE=1` does what the README promises."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("broker", ["kafka", pytest.param("memory", marks=pytest.mark.slow)])
def test_the_demo_runs_to_its_end_and_its_record_verifies(broker: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.demo"],
        env={**os.environ, "ONCE": "1", "BROKER": broker, "HEARTH_SEAL_SECONDS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["verified"] is True
    assert result["broker"] == broker
    assert ("NOTHING SURVIVES" in done.stdout) == (broker == "memory")
    # One case takes the long way, through a referral, votes, an appeal and a check-in that its reporter answers.
    for step in ("accept_referral", "second", "decide_appeal", "follow_up", "check_in"):
        assert f" {step} " in done.stdout
    assert result["reports"] == result["cases"] == 6
    assert result["mails"] >= 5
    assert result["events"] >= 30
