"""Properties of the model that hold for every world that can be said."""

from __future__ import annotations

import typing
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import (
    BringZoneBack,
    Call,
    DeleteInstance,
    EnableServiceEndpoints,
    EnableVrf,
    Initialise,
    Netlink,
    Operation,
    Outcome,
    Plane,
    Policy,
    Provision,
    Reboot,
    RestoreInstance,
    SaveRoutes,
    TakeZoneDown,
)
from lab.describe.builder import Builder
from lab.describe.placing import plan
from lab.errors import ModelError
from lab.model.action import Action, apply
from lab.model.addresses import ZONE_NETWORKS
from lab.model.call import OPERATIONS
from lab.model.call import Call as AnyCall
from lab.model.plane import Surface
from lab.model.world import Account, HostKind, Route, World
from lab.oracle import path, predict


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a world of one to three accounts, each with VSIs, an instance and a laptop; some with more."""
    builder = Builder()
    for number in range(1, draw(st.integers(1, 3)) + 1):
        vrf = draw(st.booleans())
        account = builder.account(f"a{number}", vrf=vrf, service_endpoints=vrf and draw(st.booleans()))
        gateway = None
        if draw(st.booleans()):
            gateway = builder.gateway_appliance(f"a{number}-gw", account=account, permits_services=draw(st.booleans()))
        for vsi in range(draw(st.integers(1, 2))):
            behind = draw(st.sampled_from([None, gateway]))
            builder.vsi(f"a{number}-vsi-{vsi}", account=account, private_route=draw(st.booleans()), behind=behind)
        if vrf and draw(st.booleans()):
            builder.on_premises_host(f"a{number}-site", account=account, private_route=draw(st.booleans()))
        builder.internet_host(f"a{number}-laptop", account=account)
        policy = draw(st.sampled_from([None, *Policy]))
        builder.crypto_instance(f"a{number}-keys", account=account, initialised=draw(st.booleans()), policy=policy)
    return builder.world()


@st.composite
def questions(draw: st.DrawFn) -> tuple[World, AnyCall]:
    """Return a world and a call of somebody in it to some endpoint in it."""
    world = draw(worlds())
    by, instance = draw(st.sampled_from(sorted(world.hosts))), draw(st.sampled_from(sorted(world.instances)))
    private, asks = draw(st.booleans()), [Operation.LIST, Operation.CREATE, Operation.GET]
    make = Call.private if private else Call.public
    surface = draw(st.sampled_from([Surface.KMS, Surface.EP11, Surface.CONSOLE]))
    if surface is Surface.EP11:
        make, asks = Call.ep11_private if private else Call.ep11_public, sorted(OPERATIONS[surface], key=str)
    elif surface is Surface.CONSOLE:
        make, asks = Call.console, [Operation.LIST, Operation.CREATE, Operation.GET_POLICY]
    return world, make(by, instance, draw(st.sampled_from(asks)))


@given(questions())
def test_tightening_the_policy_never_lets_anybody_in(question: tuple[World, AnyCall]) -> None:
    """What is not reached under public-and-private is not reached under private-only."""
    world, call = question
    instance = world.instances[call.instance]
    open_ = world.with_instance(replace(instance, policy=Policy.PUBLIC_AND_PRIVATE))
    tight = world.with_instance(replace(instance, policy=Policy.PRIVATE_ONLY))
    if predict(tight, call).outcome is Outcome.REACHED:
        assert predict(open_, call).outcome is Outcome.REACHED


@given(questions())
def test_under_private_only_nothing_public_is_reached(question: tuple[World, AnyCall]) -> None:
    """The page's note, for every caller and operation."""
    world, call = question
    tight = world.with_instance(replace(world.instances[call.instance], policy=Policy.PRIVATE_ONLY))
    if call.plane is Plane.PUBLIC:
        assert predict(tight, call).outcome is not Outcome.REACHED


@given(questions())
def test_a_browser_meets_what_the_api_meets_at_the_public_endpoint(question: tuple[World, AnyCall]) -> None:
    """The console is nothing but a client on the internet; only the page's name of the refusal is another."""
    world, call = question
    if call.surface is Surface.CONSOLE:
        said, api = predict(world, call), predict(world, Call.public(call.by, call.instance, call.operation))
        assert said.outcome is api.outcome
        assert said.cause.replace("policy.not-in-the-ui", "policy.private-only") == api.cause


@given(questions())
def test_the_policy_says_nothing_about_the_instance_document(question: tuple[World, AnyCall]) -> None:
    """Whoever asks, and whatever the policy."""
    world, call = question
    document, instance = Call.broker(call.by, call.instance), world.instances[call.instance]
    said = {predict(world.with_instance(replace(instance, policy=policy)), document) for policy in (None, *Policy)}
    assert len(said) == 1


@given(questions())
def test_an_appliance_that_permits_everything_decides_nothing(question: tuple[World, AnyCall]) -> None:
    """Behind it a host meets what it would meet on the backbone; a firewall only ever takes away."""
    world, call = question
    free = replace(world, hosts={name: replace(host, behind=None) for name, host in world.hosts.items()})
    gateways = {name: replace(gateway, permits_services=True) for name, gateway in world.gateways.items()}
    alone, open_ = predict(free, call), predict(replace(world, gateways=gateways), call)
    assert (open_.outcome, open_.cause, open_.missing) == (alone.outcome, alone.cause, alone.missing)
    if predict(world, call).outcome is Outcome.REACHED:
        assert open_.outcome is Outcome.REACHED


@given(questions())
def test_nobody_reaches_a_private_door_over_a_direct_link(question: tuple[World, AnyCall]) -> None:
    """Whatever the account has, and whichever routes the host."""
    world, call = question
    if world.hosts[call.by].kind is HostKind.ON_PREMISES and call.plane is Plane.PRIVATE:
        assert predict(world, call).outcome is Outcome.TIMED_OUT


@given(questions(), st.booleans())
def test_an_unrelated_account_changes_no_verdict(question: tuple[World, AnyCall], vrf: bool) -> None:
    """What a stranger has or enables concerns nobody else."""
    world, call = question
    stranger = Account(name="stranger", number=9, vrf=vrf, service_endpoints=vrf)
    assert predict(replace(world, accounts={**world.accounts, "stranger": stranger}), call) == predict(world, call)


@given(questions())
def test_a_verdict_is_a_function_and_says_why(question: tuple[World, AnyCall]) -> None:
    """The same question has the same answer, with hops; what was denied names a rule."""
    world, call = question
    verdict = predict(world, call)
    assert verdict == predict(world, call)
    assert verdict.hops
    assert verdict.cause


networks = st.builds(
    lambda n, p: IPv4Network((n >> (32 - p) << (32 - p) if p else 0, p)), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(st.lists(networks, max_size=12), st.integers(0, 2**32 - 1))
def test_longest_prefix_match_is_what_brute_force_finds(nets: list[IPv4Network], number: int) -> None:
    """For each length from the longest down, the first route that holds the address."""
    address = IPv4Address(number)
    routes = [Route(dst=net, gateway=None, interface=f"i{place}") for place, net in enumerate(nets)]
    slow = next(
        (r for length in range(32, -1, -1) for r in routes if r.dst.prefixlen == length and address in r.dst), None
    )
    assert path.longest_prefix(routes, address) == slow


@given(worlds())
def test_a_plan_is_deterministic_and_every_table_ends(world: World) -> None:
    """Plans of equal worlds are equal, and no account's table can fall through."""
    made = plan(world)
    assert made == plan(world)
    for table in made.node("backbone").tables:
        assert table.routes[-1].kind == "unreachable"


def samples(world: World) -> dict[type, Action]:
    """Return one action of every kind there is."""
    account, host, instance = (min(mapping) for mapping in (world.accounts, world.hosts, world.instances))
    made = (
        EnableVrf(account=account),
        EnableServiceEndpoints(account=account),
        Provision(instance="more", account=account, region="us-south"),
        Initialise(instance=instance),
        DeleteInstance(instance=instance),
        RestoreInstance(instance=instance),
        Netlink(host).route("del", dst="default"),
        SaveRoutes(host=host),
        Reboot(host=host),
        TakeZoneDown(zone="us-south-1"),
        BringZoneBack(zone="us-south-1"),
    )
    return {type(action): action for action in made}


@given(worlds(), st.data())
def test_nothing_that_can_be_done_takes_vrf_away(world: World, data: st.DataObject) -> None:
    """Whatever is done in whatever order, an account that has VRF or service endpoints has them ever after."""
    known = samples(world)
    assert set(known) == set(typing.get_args(Action)), "a kind of action that is not tried here could be the way back"
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            after = apply(world, data.draw(st.sampled_from(list(known.values()))))
        except ModelError:
            continue  # it cannot be done now
        for name, account in world.accounts.items():
            assert after.accounts[name].vrf >= account.vrf
            assert after.accounts[name].service_endpoints >= account.service_endpoints
        world = after


@given(questions(), st.sampled_from(sorted(ZONE_NETWORKS)))
def test_a_dead_zone_lets_nobody_in_and_an_impatient_client_sees_no_more(
    question: tuple[World, AnyCall], zone: str
) -> None:
    """What is reached with a zone down is reached without, and what the first address reaches all addresses reach."""
    world, call = question
    down = apply(world, TakeZoneDown(zone=zone))
    if predict(down, call).outcome is Outcome.REACHED:
        assert predict(world, call).outcome is Outcome.REACHED
    if predict(down, call.impatient()).outcome is Outcome.REACHED:
        assert predict(down, call).outcome is Outcome.REACHED


@given(worlds(), st.data())
def test_vrf_is_enabled_once(world: World, data: st.DataObject) -> None:
    """It cannot be turned on again, as it cannot be turned off: the world after it has it for good."""
    name = data.draw(st.sampled_from(sorted(world.accounts)))
    if not world.accounts[name].vrf:
        world = apply(world, EnableVrf(account=name))
    with pytest.raises(ModelError, match="for good"):
        apply(world, EnableVrf(account=name))
