"""Properties of the model that hold for every world that can be said."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab import Call, EnableVrf, Operation, Outcome, Plane, Policy
from lab.describe.builder import Builder
from lab.describe.placing import plan
from lab.errors import ModelError
from lab.model.action import apply
from lab.model.call import OPERATIONS
from lab.model.call import Call as AnyCall
from lab.model.plane import Surface
from lab.model.world import Account, Route, World
from lab.oracle import path, predict


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a world of one to three accounts, each with VSIs, an instance and a laptop."""
    builder = Builder()
    for number in range(1, draw(st.integers(1, 3)) + 1):
        vrf = draw(st.booleans())
        account = builder.account(f"a{number}", vrf=vrf, service_endpoints=vrf and draw(st.booleans()))
        for vsi in range(draw(st.integers(1, 2))):
            builder.vsi(f"a{number}-vsi-{vsi}", account=account, private_route=draw(st.booleans()))
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
    if draw(st.booleans()):
        make, asks = Call.ep11_private if private else Call.ep11_public, sorted(OPERATIONS[Surface.EP11], key=str)
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


@given(worlds(), st.data())
def test_vrf_is_enabled_once(world: World, data: st.DataObject) -> None:
    """It cannot be turned on again, as it cannot be turned off: the world after it has it for good."""
    name = data.draw(st.sampled_from(sorted(world.accounts)))
    if not world.accounts[name].vrf:
        world = apply(world, EnableVrf(account=name))
    with pytest.raises(ModelError, match="for good"):
        apply(world, EnableVrf(account=name))
