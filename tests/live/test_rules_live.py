"""Every rule that can decide is met on a live network: outcome and cause, with proof.

Each case is a scenario over a topology of its own; agreement in three voices on outcome and cause is the assertion,
and what is not proved is no agreement.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab import (
    BringZoneBack,
    Builder,
    Call,
    DeleteInstance,
    EnableServiceEndpoints,
    Netlink,
    Operation,
    Outcome,
    Policy,
    RestoreInstance,
    Scenario,
    SetPolicy,
    Step,
    TakeZoneDown,
    Topology,
    topology,
)
from lab.catalogue import load_topology
from lab.live.client import LiveLab
from lab.model.endpoint import kms
from lab.model.plane import Plane
from lab.model.rules import CATALOGUE
from lab.model.world import World
from lab.play.runner import Mode, play

VSI, LAPTOP = Call.private("vsi-1", "keys"), Call.public("laptop", "keys")
EP11_VSI, EP11_LAPTOP = Call.ep11_private("vsi-1", "keys"), Call.ep11_public("laptop", "keys")
DONE, REACHED = Outcome.DONE, Outcome.REACHED
LOST = Outcome.TIMED_OUT
ROUTE, NO_ROUTE_TAKEN = Netlink("vsi-1").route, Outcome.CONFLICT.because("host.route-refused")
LOCKED = Outcome.UNAUTHORIZED.because("policy.private-only")
NOT_ITS_OWN = Outcome.UNAUTHORIZED.because("door.other-instance")
PRIVATE_API, PRIVATE_EP11 = (f"{word}.private.us-south.hs-crypto.cloud.ibm.com" for word in ("api", "ep11"))
LOCKED_EP11 = Outcome.UNAUTHORIZED.because("policy.both-apis")
STRANGER = Outcome.UNAUTHORIZED.because("door.other-account")


@topology
class Two(Topology):
    """Two accounts with everything enabled, each with a VSI and an instance."""

    def build(self, b: Builder) -> None:
        """Accounts acme and rival."""
        for name in ("acme", "rival"):
            account = b.account(name, vrf=True, service_endpoints=True)
            b.vsi(f"{name}-vsi", account=account)
            b.internet_host(f"{name}-laptop", account=account)
            b.crypto_instance(f"{name}-keys", account=account)


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


def single(*steps: Step, **parameters: Any) -> Scenario:
    """Return a scenario over ``single_account``."""
    return Scenario(name="rule", topology=topology("single_account", **parameters), steps=steps)


def cut_off(*networks: str) -> list[Step]:
    """Return steps that take routes of the VSI away."""
    return [Step(f"{net} goes", Netlink("vsi-1").route("del", dst=net), DONE) for net in networks]


CASES = {
    "policy.default": single(Step("open", LAPTOP, REACHED.because("policy.default"))),
    "policy.public-and-private": single(
        Step("open", LAPTOP, REACHED.because("policy.public-and-private")), policy="public-and-private"
    ),
    "policy.private-endpoint-served": single(
        Step("inside", VSI, REACHED.because("policy.private-endpoint-served")), policy="private-only"
    ),
    "policy.private-only": single(
        Step("a key", VSI.to(Operation.CREATE), REACHED),
        Step("something is wrapped", VSI.to(Operation.WRAP), REACHED),
        *(
            Step(operation.value, LAPTOP.to(operation), LOCKED)
            for operation in (Operation.LIST, Operation.CREATE, Operation.GET, Operation.WRAP, Operation.UNWRAP,
                              Operation.DELETE, Operation.GET_POLICY)
        ),
        Step("IAM is no instance", Call.token("laptop", "keys", LAPTOP.plane), REACHED.because("door.served")),
        Step("inside it is unwrapped", VSI.to(Operation.UNWRAP), REACHED),
        Step("undo", SetPolicy(Policy.PUBLIC_AND_PRIVATE, by=LAPTOP), LOCKED),
        policy="private-only",
    ),
    "policy.both-apis": single(
        Step("a key", EP11_VSI.to(Operation.GENERATE_KEY), REACHED.because("policy.private-endpoint-served")),
        Step("something is encrypted", EP11_VSI.to(Operation.ENCRYPT), REACHED),
        *(
            Step(operation.value, EP11_LAPTOP.to(operation), LOCKED_EP11)
            for operation in (Operation.LIST_MECHANISMS, Operation.GENERATE_KEY, Operation.ENCRYPT, Operation.DECRYPT)
        ),
        Step("inside it is decrypted", EP11_VSI.to(Operation.DECRYPT), REACHED),
        policy="private-only",
    ),
    "policy.needs-initialised": single(
        Step("early", SetPolicy(Policy.PRIVATE_ONLY, by=VSI), Outcome.BAD_REQUEST.because("policy.needs-initialised")),
        initialised=False,
    ),
    "instance.not-initialised": single(
        Step("early", LAPTOP, Outcome.BAD_REQUEST.because("instance.not-initialised")),
        Step("GREP11", EP11_LAPTOP, Outcome.BAD_REQUEST.because("instance.not-initialised")),
        initialised=False,
    ),
    "instance.deleted": single(
        Step("locked", LAPTOP, LOCKED),
        Step("it is deleted", DeleteInstance(instance="keys"), DONE),
        Step("outside", LAPTOP, Outcome.NOT_FOUND.because("instance.deleted")),
        Step("inside", VSI, Outcome.NOT_FOUND.because("instance.deleted")),
        Step("GREP11 outside", EP11_LAPTOP, Outcome.NOT_FOUND.because("instance.deleted")),
        Step("GREP11 inside", EP11_VSI, Outcome.NOT_FOUND.because("instance.deleted")),
        Step("it is restored", RestoreInstance(instance="keys"), DONE),
        Step("and locked again", LAPTOP, LOCKED),
        Step("GREP11 too", EP11_LAPTOP, LOCKED_EP11),
        policy="private-only",
    ),
    "key.deleted": single(
        Step("a key", VSI.to(Operation.CREATE), REACHED),
        Step("it is deleted", VSI.to(Operation.DELETE), REACHED),
        Step("reading it", VSI.to(Operation.GET), Outcome.GONE.because("key.deleted")),
        Step("using it", VSI.to(Operation.WRAP), Outcome.CONFLICT.because("key.deleted")),
        Step("it is not listed", VSI, REACHED),
    ),
    "key.unknown": single(Step("no such key", VSI.to(Operation.GET), Outcome.NOT_FOUND.because("key.unknown"))),
    "key.foreign-blob": Scenario(
        name="rule",
        topology=Siblings(),
        steps=(
            Step("a key of one instance", ONE.to(Operation.GENERATE_KEY), REACHED),
            Step("it encrypts there", ONE.to(Operation.ENCRYPT), REACHED),
            Step("another instance does not take it", OTHER.to(Operation.ENCRYPT), FOREIGN),
            Step("nor to decrypt", OTHER.to(Operation.DECRYPT), FOREIGN),
            Step("nor one that nobody made", ONE.to(Operation.ENCRYPT, key="none"), FOREIGN),
            Step("where it was made it decrypts", ONE.to(Operation.DECRYPT), REACHED),
        ),
    ),
    "client.no-scheme": single(
        Step("as the instance document has it", Call.kp("vsi-1", "keys", address=f"{PRIVATE_API}:9042"),
             Outcome.NOT_SENT.because("client.no-scheme")),
        Step("with a scheme", Call.kp("vsi-1", "keys", address=f"https://{PRIVATE_API}:9042"), REACHED),
    ),
    "ep11.speaks-grpc": single(
        *(Step(f"{by} at the EP11 endpoint", Call.kp(by, "keys", address=f"https://{host}:9043"),
               Outcome.TLS_FAILED.because("ep11.speaks-grpc"))
          for by, host in (("vsi-1", PRIVATE_EP11), ("laptop", PRIVATE_EP11.replace(".private", "")))),
        policy="private-only",
    ),
    "door.other-instance": Scenario(
        name="rule",
        topology=Siblings(),
        steps=(
            Step("another's port", Call.kp("vsi-1", "one", address=f"https://{PRIVATE_API}:9044"), NOT_ITS_OWN),
            Step("creating there", Call.kp("vsi-1", "one", Operation.CREATE, address=f"https://{PRIVATE_API}:9044"),
                 NOT_ITS_OWN),
            Step("Key Protect", Call.kp("vsi-1", "one", address=None), NOT_ITS_OWN),
            Step("its own", Call.kp("vsi-1", "one", address=f"https://{PRIVATE_API}:9042"), REACHED),
        ),
    ),
    "edge.no-vrf": single(
        *(Step("no VRF", call, LOST.because("edge.no-vrf")) for call in (VSI, EP11_VSI)), vrf=False
    ),
    "edge.no-service-endpoint": single(
        *(Step("no service endpoints", call, LOST.because("edge.no-service-endpoint")) for call in (VSI, EP11_VSI)),
        service_endpoints=False,
    ),
    "edge.direct-link": Scenario(
        name="rule",
        topology=topology("data_center"),
        steps=(
            Step("a Direct Link", Call.private("mainframe", "keys"), LOST.because("edge.direct-link")),
            Step("a VSI of the same account", Call.private("inner-vsi", "keys"), REACHED),
        ),
    ),
    "gateway.firewall": Scenario(
        name="rule",
        topology=topology("data_center", permits_services=False),
        steps=(
            Step("behind the appliance", Call.private("inner-vsi", "keys"), LOST.because("gateway.firewall")),
            Step("beside it", Call.private("test-machine", "keys"), REACHED),
        ),
    ),
    "edge.unroutable": single(
        Step("everything goes by the private gateway",
             Netlink("vsi-1").route("replace", dst="0.0.0.0/0", gateway="10.65.0.65"), DONE),
        Step("no public address is found there", Call.public("vsi-1", "keys"),
             Outcome.REJECTED.because("edge.unroutable")),
        Step("nor one of GREP11", Call.ep11_public("vsi-1", "keys"), Outcome.REJECTED.because("edge.unroutable")),
        Step("the private one is", VSI, REACHED),
    ),
    "host.route-refused": single(
        Step("no neighbour", ROUTE("replace", dst="166.9.0.0/16", gateway="10.65.0.129"), NO_ROUTE_TAKEN),
        Step("there already", ROUTE("add", dst="166.9.0.0/16", gateway="10.65.0.65"), NO_ROUTE_TAKEN),
        Step("not there", ROUTE("del", dst="172.16.0.0/12"), NO_ROUTE_TAKEN),
        Step("its subnet's last", ROUTE("add", dst="172.16.0.0/12", gateway="10.65.0.127"), NO_ROUTE_TAKEN),
        Step("the route stands", VSI, REACHED),
    ),
    "host.no-neighbour": single(
        Step("on the link, says the route", ROUTE("replace", dst="166.9.0.0/16", oif="eth0"), DONE),
        Step("and there nobody is", VSI.impatient(), Outcome.REJECTED.because("host.no-neighbour")),
        Step("the host itself", ROUTE("replace", dst="166.9.0.0/16", gateway="10.65.0.66"), DONE),
        Step("is no neighbour", VSI.impatient(), Outcome.REJECTED.because("host.no-neighbour")),
        Step("the resolver by nobody", ROUTE("replace", dst="161.26.0.0/16", gateway="10.65.0.126"), DONE),
        Step("no name is found", VSI, Outcome.NO_NAME.because("host.no-neighbour")),
    ),
    "zone.down": single(
        *(Step("a zone goes down", TakeZoneDown(zone=f"us-south-{number}"), DONE) for number in (1, 2)),
        Step("its address is lost", VSI.impatient(), LOST.because("zone.down")),
        Step("and IAM's there", Call.token("vsi-1", "keys", VSI.plane).impatient(), LOST.because("zone.down")),
        Step("the third serves", VSI, REACHED),
        Step("one of another region", TakeZoneDown(zone="eu-de-1"), DONE),
        Step("here one comes back", BringZoneBack(zone="us-south-1"), DONE),
        Step("and serves", VSI.impatient(), REACHED),
    ),
    "internet.no-private-service": single(
        Step("from outside", Call.private("laptop", "keys"), LOST.because("internet.no-private-service")),
        Step("GREP11", Call.ep11_private("laptop", "keys"), LOST.because("internet.no-private-service")),
    ),
    "internet.no-private-address": single(
        *cut_off("161.26.0.0/16"),
        Step("the resolver is asked by the wrong door", VSI, Outcome.NO_NAME.because("internet.no-private-address")),
    ),
    "host.no-route": single(
        *cut_off("166.9.0.0/16", "0.0.0.0/0"),
        Step("nothing is sent", VSI, Outcome.NO_ROUTE.because("host.no-route")),
        Step("GREP11", EP11_VSI, Outcome.NO_ROUTE.because("host.no-route")),
        *cut_off("161.26.0.0/16"),
        Step("not even a name is found", VSI, Outcome.NO_NAME.because("host.no-route")),
    ),
    "door.served": single(Step("a token", Call.token("vsi-1", "keys", VSI.plane), REACHED.because("door.served"))),
    "door.other-account": Scenario(
        name="rule",
        topology=Two(),
        steps=(
            Step("its own", Call.private("acme-vsi", "acme-keys"), REACHED),
            Step("a stranger's, inside", Call.private("acme-vsi", "rival-keys"), STRANGER),
            Step("a stranger's, outside", Call.public("acme-laptop", "rival-keys"), STRANGER),
            Step("GREP11 inside", Call.ep11_private("acme-vsi", "rival-keys"), STRANGER),
            Step("GREP11 outside", Call.ep11_public("acme-laptop", "rival-keys", Operation.ENCRYPT), STRANGER),
        ),
    ),
}  # fmt: skip
ELSEWHERE = {"operator.done": "every scenario"}


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_is_measured(rule: str) -> None:
    """Stated, predicted and measured agree on the outcome, and on the cause of every denial, with its proof."""
    report = play(CASES[rule], Mode.LIVE)
    assert [(step.text, step.why) for step in report.steps if step.why] == []
    assert report.agreed
    assert rule in {step.cause for step in report.steps}


def test_every_deciding_rule_is_measured_somewhere() -> None:
    """A rule that decides and that no live case measures would be a claim."""
    assert {rule.id for rule in CATALOGUE if rule.decides} == {*CASES, *ELSEWHERE}


def test_what_one_account_lacks_no_other_lacks() -> None:
    """Three accounts at one edge, each with another switch off: each meets its own fate, and none its neighbour's."""

    @topology
    class Unequal(Topology):
        def build(self, b: Builder) -> None:
            for name, vrf, endpoints in (("bare", False, False), ("half", True, False), ("full", True, True)):
                account = b.account(name, vrf=vrf, service_endpoints=endpoints)
                b.vsi(f"{name}-vsi", account=account)
                b.crypto_instance(f"{name}-keys", account=account)

    fates = {
        "bare": LOST.because("edge.no-vrf"),
        "half": LOST.because("edge.no-service-endpoint"),
        "full": REACHED.because("policy.default"),
    }
    own = [Step(name, Call.private(f"{name}-vsi", f"{name}-keys"), fate) for name, fate in fates.items()]
    strangers = [
        Step("a stranger's", Call.private("full-vsi", "half-keys"), STRANGER),
        Step("its own from outside", Call.public("half-vsi", "half-keys"), REACHED),
        Step("half is made whole", EnableServiceEndpoints(account="half"), DONE),
        Step("and served", Call.private("half-vsi", "half-keys"), REACHED),
        Step("which helps nobody else", Call.private("bare-vsi", "bare-keys"), fates["bare"]),
    ]
    report = play(Scenario(name="unequal", topology=Unequal(), steps=(*own, *strangers)), Mode.LIVE)
    assert [(step.text, step.why) for step in report.steps if step.why] == []
    assert report.agreed


DIAL = """
import socket, sys
with socket.socket() as s:
    s.settimeout(0.5)
    s.bind((sys.argv[3], 0))
    print(s.connect_ex((sys.argv[1], int(sys.argv[2]))))
"""
"""Dials an address and port from a source address, and prints what came of it."""


def dialled(lab: LiveLab, by: str, address: str, port: str = "22", source: str = "0.0.0.0") -> str:
    """Return what came of dialling, as an errno."""
    return str(lab.host(by).run(["python", "-c", DIAL, address, port, source]).stdout).strip()


@pytest.mark.parametrize("vrf", [True, False])
def test_vsis_of_one_account_reach_each_other(vrf: bool) -> None:
    """What keeps accounts apart does not keep an account's own machines apart."""
    world: World = load_topology("single_account", vsis=2, vrf=vrf, service_endpoints=vrf).world()
    other = str(world.hosts["vsi-2"].nics[0].address.ip)
    with LiveLab(world, capture=False) as lab:
        assert dialled(lab, "vsi-1", other) == "111", "the neighbour itself refuses the port"


def test_a_private_source_does_not_cross_the_internet() -> None:
    """The same machine and door: with its public address it is served, with its private one the packet is lost."""
    world: World = load_topology("single_account").world()
    private, public = (str(nic.address.ip) for nic in world.hosts["vsi-1"].nics)
    door = kms(world.instances["keys"], Plane.PUBLIC)
    where = [str(door.addresses[0]), str(door.port)]
    with LiveLab(world, capture=False) as lab:
        said = [
            lab.host("vsi-1").run(["python", "-c", DIAL, *where, source]).stdout.strip() for source in (public, private)
        ]
    assert said == ["0", "11"]


def test_accounts_do_not_reach_each_other() -> None:
    """A VSI's packets for another account's VSI die at the backbone's edge, with VRF and without."""

    @topology
    class Neighbours(Topology):
        vrf: bool = True

        def build(self, b: Builder) -> None:
            for name in ("acme", "rival"):
                b.vsi(f"{name}-vsi", account=b.account(name, vrf=self.vrf))

    for vrf in (True, False):
        world: World = Neighbours(vrf=vrf).world()
        target = str(world.hosts["rival-vsi"].nics[0].address.ip)
        own = str(world.hosts["acme-vsi"].nics[0].gateway)
        with LiveLab(world, capture=False) as lab:
            host = lab.host("acme-vsi")
            assert host.run(["python", "-c", DIAL, own, "22", "0.0.0.0"]).stdout.strip() == "111", (
                "the edge itself refuses the port"
            )
            said = host.run(["python", "-c", DIAL, target, "22", "0.0.0.0"]).stdout.strip()
            # with VRF the account's table has no way there; without, the shared table has, and the filter drops
            assert said == ("113" if vrf else "11")
