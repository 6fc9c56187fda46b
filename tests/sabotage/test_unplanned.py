"""A verdict that looks right is not believed while the lab's own nodes do not do what was planned.

Each fault here leaves the outcome, and the reported cause where there is one, as stated: without the audit it is green.
"""

from __future__ import annotations

import pytest

from lab import Call, EnableVrf, Outcome
from lab.describe.builder import Builder
from lab.live.client import LiveLab
from lab.model.world import World
from tests.sabotage.faults import Sabotaged

pytestmark = pytest.mark.live

ACME, RIVAL = Call.private("acme-vsi", "keys"), Call.private("rival-vsi", "keys")
INTERNET, NO_VRF = "internet.no-private-service", "edge.no-vrf"


def world(*, vrf: bool = True, service_endpoints: bool = True, private_route: bool = True) -> World:
    """Return an account that has everything, and one that has what is said."""
    b = Builder()
    b.vsi("acme-vsi", account=b.account("acme", vrf=True, service_endpoints=True))
    rival = b.account("rival", vrf=vrf, service_endpoints=service_endpoints)
    b.vsi("rival-vsi", account=rival, private_route=private_route)
    b.crypto_instance("keys", account="acme")
    b.crypto_instance("others", account=rival)
    return b.world()


def asked(lab: LiveLab, call: Call) -> tuple[Outcome, str, str]:
    """Return outcome, cause and what is wrong with the proof."""
    found = lab.ask(call)
    return found.outcome, found.cause, found.vacuous


CASES = [
    pytest.param(
        ("report-only", INTERNET),
        world(private_route=False),
        (RIVAL, Outcome.TIMED_OUT, INTERNET),
        f"internet: filter is 'inet pelab prerouting: nfproto 02 ip daddr 166.8.0.0/14 counter log group 5"
        f" prefix {INTERNET} snap 128 comment {INTERNET}', planned 'inet pelab prerouting: nfproto 02 ip daddr"
        f" 166.8.0.0/14 counter log group 5 prefix {INTERNET} snap 128 drop comment {INTERNET}'",
        id="a filter reports a drop, and the packet is lost elsewhere",
    ),
    pytest.param(
        ("drop-unseen", "internet"),
        world(private_route=False),
        (RIVAL, Outcome.TIMED_OUT, INTERNET),
        "internet: unplanned filter inet pelab prerouting: nfproto 02 ip daddr 166.8.0.0/14 drop",
        id="another filter drops as well, unseen",
    ),
    pytest.param(
        ("swap-tables", "acme,rival"),
        world(),
        (ACME, Outcome.REACHED, "policy.default"),
        "backbone: missing rule 2001: iif a1-1 lookup 1001",
        id="an account is led to another's table",
    ),
    pytest.param(
        ("drop-unreachable-default", "acme"),
        world(),
        (ACME, Outcome.REACHED, "policy.default"),
        "backbone: missing route default dev nowhere table 1001",
        id="a table has no end",
    ),
    pytest.param(
        ("stray-route", "acme"),
        world(),
        (ACME, Outcome.REACHED, "policy.default"),
        "backbone: unplanned route 166.9.0.0/16 via 166.8.0.2 dev services table 1001",
        id="a table has one more route to the services",
    ),
    pytest.param(
        ("greedy-rule", NO_VRF),
        world(vrf=False, service_endpoints=False),
        (RIVAL, Outcome.TIMED_OUT, NO_VRF),
        "backbone: filter is 'inet pelab prerouting: iifname { a1-1, a2-1 } nfproto 02",
        id="a filter that hits this account hits every other",
    ),
]


@pytest.mark.parametrize("fault,described,stated,text", CASES)
def test_a_right_verdict_of_a_wrong_lab_is_vacuous(
    fault: tuple[str, str], described: World, stated: tuple[Call, Outcome, str], text: str
) -> None:
    """The fault leaves the outcome as it was: only the look at the kernel tells, and it names what is wrong."""
    call, *said = stated
    with LiveLab(described) as lab:
        assert [*asked(lab, call)] == [*said, ""], "sound, it is proved"
    with Sabotaged(described, *fault) as lab:
        outcome, cause, vacuous = asked(lab, call)
    assert [outcome, cause] == said
    assert vacuous.startswith(f"the lab is not as planned: {text}")


def test_a_rule_that_reports_under_anothers_name_is_noticed() -> None:
    """The packet is lost as stated; the name in the report is not the one of the rule that was planned."""
    described = world(vrf=False, service_endpoints=False)
    with LiveLab(described) as lab:
        assert asked(lab, RIVAL) == (Outcome.TIMED_OUT, NO_VRF, ""), "sound, it is proved"
    with Sabotaged(described, "swap-names", f"{NO_VRF},edge.other-account") as lab:
        outcome, _, vacuous = asked(lab, RIVAL)
    assert outcome is Outcome.TIMED_OUT
    there, wanted = (
        f"inet pelab forward: counter log group 5 prefix {name}" for name in (NO_VRF, "edge.other-account")
    )
    assert vacuous.startswith(f"the lab is not as planned: backbone: filter is '{there} ")
    assert f", planned '{wanted} " in vacuous


def test_a_switch_of_an_account_without_vsi_is_looked_for_in_the_kernel() -> None:
    """Nothing of it can be seen at a port, for there is none; its table is there, or the change was not made."""
    b = Builder()
    b.account("bare")
    described = b.world()
    with LiveLab(described) as lab:
        assert lab.act(EnableVrf(account="bare")).vacuous == "", "sound, it is done"
    with Sabotaged(described, "frozen-edge", "") as lab:
        found = lab.act(EnableVrf(account="bare"))
    assert found.outcome is Outcome.DONE
    assert found.vacuous.startswith("the lab is not as planned: backbone: missing ")
