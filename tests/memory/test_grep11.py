"""GREP11 without a network: the service's own code at the door that the oracle finds, for both of its instances."""

from __future__ import annotations

import pytest

from lab import Builder, Call, Operation, Outcome, Policy, Scenario, SetPolicy, Step, Topology, catalogue, topology
from lab.errors import ModelError
from lab.model.plane import Surface
from lab.model.world import World
from lab.play.memory import Memory
from lab.play.runner import Mode, play


@topology
class Siblings(Topology):
    """One account with a VSI and two instances."""

    def build(self, b: Builder) -> None:
        """Instances one and other."""
        account = b.account("acme", vrf=True, service_endpoints=True)
        b.vsi("vsi-1", account=account)
        for name in ("one", "other"):
            b.crypto_instance(name, account=account)


ONE, OTHER = Call.ep11_private("vsi-1", "one"), Call.ep11_private("vsi-1", "other")
FOREIGN = Outcome.BAD_REQUEST.because("key.foreign-blob")


def test_a_key_is_taken_where_it_was_made_and_nowhere_else() -> None:
    """The client holds it, so it can be shown to anybody."""
    steps = (
        Step("a key", ONE.to(Operation.GENERATE_KEY), Outcome.REACHED),
        Step("it encrypts", ONE.to(Operation.ENCRYPT), Outcome.REACHED),
        Step("not there", OTHER.to(Operation.DECRYPT), FOREIGN),
        Step("nor one that nobody made", OTHER.to(Operation.ENCRYPT, key="none"), FOREIGN),
        Step("here", ONE.to(Operation.DECRYPT), Outcome.REACHED),
    )
    report = play(Scenario(name="keys", topology=Siblings(), steps=steps), Mode.MEMORY)
    assert [step.why for step in report.steps if step.why] == []
    assert report.agreed


@pytest.mark.parametrize("surface", [Surface.EP11, Surface.KMS])
def test_a_service_that_forgets_the_policy_on_one_surface_is_contradicted(surface: Surface) -> None:
    """Memory, too, hears two services: each surface's own refusal is missed."""

    class Forgetful(Memory):
        def __init__(self, world: World) -> None:
            super().__init__(world)
            self._cloud.enforced_on.discard(surface)

    told = catalogue.load_scenario("both_apis_follow_the_policy")
    report = play(told, Mode.MEMORY, backend=Forgetful)
    missed = {Surface.EP11: "policy.both-apis", Surface.KMS: "policy.private-only"}
    wrong = [step.predicted.cause for step in report.steps if step.why and step.predicted]
    assert wrong
    assert set(wrong) == {missed[surface]}


def test_the_policy_is_no_grep11_call() -> None:
    """It is key management's; GREP11 has no function for it."""
    call = SetPolicy(Policy.PRIVATE_ONLY, by=Call.ep11_private("vsi-1", "keys"))
    assert call.surface is Surface.EP11
    with pytest.raises(ModelError, match="ep11 has no operation set-policy"):
        play(Scenario(name="x", topology=Siblings(), steps=(Step("set", call, Outcome.REACHED),)), Mode.MEMORY)
