"""Every shipped scenario agrees in three voices on a live network, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

from lab import Call, catalogue
from lab.live.client import LiveLab
from lab.play.runner import Mode, play

NAMES = [entry.name for entry in catalogue.scenarios()]
NOBODY = 65534


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_agrees_live(name: str) -> None:
    """Stated, predicted and measured; every denial with its proof."""
    report = play(catalogue.load_scenario(name), Mode.LIVE)
    assert [(step.text, step.why) for step in report.steps if step.why] == []
    assert report.agreed
    assert None not in {step.measured for step in report.steps}
    assert report.vrf_backend in {"policy-tables", "vrf-device"}


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_agrees_live_as_an_ordinary_user(name: str) -> None:
    """The command, as nobody: no privilege, no home, exit status 0."""
    user = NOBODY if os.geteuid() == 0 else None
    command = [sys.executable, "-m", "lab", "play", name, "--live", "--json"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        cwd="/",
        user=user,
        group=user,
        extra_groups=[] if user else None,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert (told["agreed"], told["mode"]) == (True, "live")
    assert all(step["measured"] == step["predicted"] for step in told["steps"])


def test_denials_are_fast() -> None:
    """A drop is seen, not waited for: the three lost connections of the missing route take no second."""
    with LiveLab(catalogue.load_topology("single_account", private_route=False), capture=False) as lab:
        lab.ask(Call.public("vsi-1", "keys"))
        began = time.monotonic()
        measured = lab.ask(Call.private("vsi-1", "keys"))
        assert time.monotonic() - began < 0.5
    assert [seen.kind for seen in measured.evidence].count("drop") == 3
