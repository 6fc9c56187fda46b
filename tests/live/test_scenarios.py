"""Every shipped scenario agrees in three voices on a live network, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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


def test_the_capture_shows_where_the_packets_went() -> None:
    """Without the route they left by the public NIC, as scapy reads it; with it, by the private one; never both."""
    report = play(catalogue.load_scenario("missing_private_route"), Mode.LIVE)
    lost = [seen for seen in report.steps[0].evidence if seen.kind == "capture"]
    assert [seen.where for seen in lost] == ["vsi-1:eth1"] * 2, "a first packet and, for certainty, a second"
    assert "IP / TCP 198.18.0.10:" in lost[0].detail
    assert lost[0].detail.endswith("> 166.9.12.20:9042 S")


def test_a_denial_is_seen_and_not_waited_for() -> None:
    """Each of the name's three addresses ends in a reported drop; a silence would be an error, not a verdict."""
    with LiveLab(catalogue.load_topology("single_account", private_route=False), capture=False) as lab:
        measured = lab.ask(Call.private("vsi-1", "keys"))
    assert [seen.kind for seen in measured.evidence].count("drop") == 6, "two for each of three addresses"
    assert measured.vacuous == ""
