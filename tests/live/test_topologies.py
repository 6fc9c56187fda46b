"""Every shipped topology's matrix agrees on a live network, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from lab import Call, EnableServiceEndpoints, EnableVrf, catalogue, topology
from lab.live.client import LiveLab
from lab.play.matrix import matrix
from lab.play.runner import Mode

NOBODY = 65534
OTHERS: list[tuple[str, dict[str, object]]] = [
    ("two_accounts", {"vrf": False}),
    ("two_accounts", {"private_route": False, "policy": "private-only"}),
    ("overlapping_accounts", {"service_endpoints": False, "policy": "private-only"}),
    ("hub_and_spoke", {"vrf": False, "vsis": 1}),
    ("hub_and_spoke", {"permits_services": False, "policy": "private-only", "vsis": 1}),
    ("data_center", {"permits_services": False}),
    ("data_center", {"service_endpoints": False, "policy": "private-only"}),
    ("data_center", {"private_route": False}),
]
NAMES = [entry.name for entry in catalogue.topologies()]
CASES: list[tuple[str, dict[str, object]]] = [*((name, {}) for name in NAMES), *OTHERS]


@pytest.mark.parametrize("name,values", CASES, ids=[f"{n}-{'-'.join(v)}".rstrip("-") for n, v in CASES])
def test_a_topologys_matrix_agrees_live(name: str, values: dict[str, object]) -> None:
    """Each host at each endpoint, with proof; those of the lab's own topologies, ready and not."""
    made = matrix(catalogue.load_topology(name, **values), Mode.LIVE)
    assert [(cell.said.text, cell.said.why) for cell in made.cells if cell.said.why] == []
    assert made.agreed


@pytest.mark.parametrize("name", NAMES)
def test_a_topologys_matrix_agrees_live_as_an_ordinary_user(name: str) -> None:
    """The command, as nobody: no privilege, no home, exit status 0."""
    user = NOBODY if os.geteuid() == 0 else None
    done = subprocess.run(
        [sys.executable, "-m", "lab", "matrix", name, "--live", "--json"],
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
    cells = json.loads(done.stdout)["cells"]
    assert all(cell["measured"] == cell["predicted"] for cell in cells)


def test_an_account_with_an_appliance_moves_into_a_table_live() -> None:
    """VRF and service endpoints, one after the other: what is behind the appliance moves, too, and is read back."""
    call = Call.private("spoke-1-vsi-1", "keys")
    with LiveLab(topology("hub_and_spoke", vrf=False, vsis=1)) as lab:
        inside = lab.world.hosts["spoke-1-vsi-1"].nics[0].address.ip
        said = [lab.ask(call), lab.act(EnableVrf(account="acme"))]
        said += [lab.ask(call), lab.act(EnableServiceEndpoints(account="acme")), lab.ask(call)]
    assert [one.vacuous for one in said] == [""] * 5
    assert [one.cause for one in said[::2]] == ["edge.no-vrf", "edge.no-service-endpoint", "policy.default"]
    assert any(seen.detail.startswith(f"{inside} arriving on a1-2: table") for seen in said[1].evidence)


def test_a_direct_link_joins_the_site_to_the_accounts_own_network() -> None:
    """A host on premises and a VSI reach each other, behind an appliance as well."""
    with LiveLab(topology("data_center"), capture=False) as lab:
        hosts = lab.world.hosts
        pings = [
            lab.host(a).run(["ping", "-c", "1", "-W", "1", str(hosts[b].nics[0].address.ip)]).returncode
            for a, b in [("mainframe", "vsi-1"), ("vsi-1", "mainframe"), ("mainframe", "inner-vsi"),
                         ("inner-vsi", "test-machine")]
        ]  # fmt: skip
    assert pings == [0, 0, 0, 0]
