"""The way of a call is where its packets were seen on the network, appliances and edges included."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab import Call, Lab, topology
from lab.model.outcome import Outcome

pytestmark = pytest.mark.live
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("permits", "outcome", "ends"),
    [
        pytest.param(True, Outcome.REACHED, ["backbone", "private-services", "kms/private/keys"], id="open"),
        pytest.param(False, Outcome.TIMED_OUT, [], id="closed"),
    ],
)
def test_an_appliance_is_seen_on_the_way(permits: bool, outcome: Outcome, ends: list[str]) -> None:
    """The VSI's frames are addressed to it; behind it the edge is seen, or, where its firewall is closed, nothing."""
    with Lab(topology("data_center", permits_services=permits)) as lab:
        found = lab.ask(Call.private("inner-vsi", "keys"))
        assert found.outcome is outcome
        assert [hop.place for hop in found.way] == ["inner-vsi:eth0", "gateway", *ends]
        beside = lab.ask(Call.private("vsi-1", "keys"))
        assert [hop.place for hop in beside.way] == ["vsi-1:eth0", "backbone", "private-services", "kms/private/keys"]


def test_what_dies_on_the_internet_was_seen_to_leave_by_the_public_interface() -> None:
    """And the last place is the filter's."""
    with Lab(topology("single_account", private_route=False)) as lab:
        found = lab.ask(Call.private("vsi-1", "keys"))
        assert [hop.place for hop in found.way] == ["vsi-1:eth1", "internet"]
        assert found.way[-1].fact.startswith("internet.no-private-service: ")


def test_the_readmes_output_is_what_a_network_gives() -> None:
    """Word by word, a window of 100 columns taken for granted."""
    told = re.search(r"```text\n\$ pelab play (\w+) --live\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert told is not None
    done = subprocess.run(
        [sys.executable, "-m", "lab", "play", told[1], "--live"],
        cwd=ROOT, env={**os.environ, "PYTHONUTF8": "1"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stdout == told[2]
