"""What stands between a host and the provider edge decides in the kernel: taken away, the verdict turns red."""

from __future__ import annotations

import pytest

from lab import Call, Outcome, Scenario, Step, topology
from lab.play.runner import Mode, play
from tests.sabotage.faults import broken, why

pytestmark = pytest.mark.live

INNER, MAINFRAME = Call.private("inner-vsi", "keys"), Call.private("mainframe", "keys")
HOOKS = {"gateway.firewall": "forward", "edge.direct-link": "prerouting"}
CASES = {"gateway.firewall": INNER, "edge.direct-link": MAINFRAME}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_that_is_lifted_turns_its_denial_red(rule: str) -> None:
    """Stated and predicted is a silence; without the rule the packets arrive and are served."""
    step = Step("it dies there", CASES[rule], Outcome.TIMED_OUT.because(rule))
    scenario = Scenario(name="lifted", topology=topology("data_center", permits_services=False), steps=(step,))
    assert play(scenario, Mode.LIVE).agreed, "sound, it agrees"
    said = why(play(scenario, Mode.LIVE, backend=broken("lift-rule", rule)))
    assert said.startswith(f"predicted timed-out ({rule}), measured reached (policy.default)")
    assert f": missing filter inet pelab {HOOKS[rule]}" in said
