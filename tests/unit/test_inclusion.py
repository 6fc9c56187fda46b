"""Inclusion: what a part adds is as if the whole had said it, under names that do not clash."""

from __future__ import annotations

from inspect import getsourcelines
from pathlib import Path

import pytest

from lab import Builder, ModelError, Topology, catalogue, topology
from lab.describe.placing import plan
from lab.model.world import World


@topology
class Branch(Topology):
    """A VSI behind an appliance, in an account that is there or not."""

    account: str = "acme"
    new: bool = True
    gateway: str = "gateway"

    def build(self, b: Builder) -> None:
        """Build it."""
        if self.new:
            b.account(self.account, vrf=True, service_endpoints=True)
        b.gateway_appliance("gateway", account=self.account)
        b.vsi("vsi", account=self.account, behind=self.gateway)


@topology
class Whole(Topology):
    """Includes what it is given."""

    part: object = None
    prefix: str = ""

    def build(self, b: Builder) -> None:
        """Include it."""
        b.include(self.part, prefix=self.prefix)  # type: ignore[arg-type]  # what is no part is a case of the tests


def built(build: object) -> World:
    """Return the world of a part alone, included in a topology that says nothing else."""
    return catalogue.world_of(Whole(part=build))


def test_a_part_is_as_if_the_whole_had_said_it() -> None:
    """Included without a prefix it gives its own world, and its own plan."""
    alone = catalogue.load_topology("single_account", vsis=2).world()
    assert built(topology("single_account", vsis=2)) == alone
    assert plan(built(topology("single_account", vsis=2))) == plan(alone)


def test_a_prefix_names_hosts_appliances_and_instances_and_no_account() -> None:
    """Two of one part stand side by side; a name inside a part means the part's own first."""
    b = Builder()
    b.include(Branch())
    b.include(Branch(new=False), prefix="north")
    world = b.world()
    assert list(world.accounts) == ["acme"]
    assert list(world.hosts) == ["vsi", "north-vsi"]
    assert {host.name: host.behind for host in world.hosts.values()} == {"vsi": "gateway", "north-vsi": "north-gateway"}
    nets = [host.nics[0].address.network for host in world.hosts.values()]
    assert len({*nets}) == len(nets)


def test_a_part_stands_behind_an_appliance_of_the_whole() -> None:
    """A name that is none of the part's own is the whole's."""
    b = Builder()
    b.include(Branch())
    b.gateway_appliance("shared", account="acme")
    b.include(Branch(new=False, gateway="shared"), prefix="north")
    assert b.world().hosts["north-vsi"].behind == "shared"


def test_prefixes_of_parts_in_parts_add_up() -> None:
    """The outer one stands first."""
    b = Builder()
    b.include(Whole(part=Branch(), prefix="inner"), prefix="outer")
    assert list(b.world().hosts) == ["outer-inner-vsi"]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (topology("single_acount"), "no topology named 'single_acount'.*'single_account'"),
        (topology("single_account", vsi=2), "single_account/vsi: no such parameter.*'vsis'"),
        (Branch(new=False), "no account named 'acme'|there is no account yet"),
        ("single_account", r"include: part='single_account' is no Part or TopologyRef"),
    ],
)
def test_a_mistake_in_an_inclusion_is_one_line(part: object, told: str) -> None:
    """With its place and the nearest valid thing."""
    with pytest.raises(ModelError, match=told):
        built(part)


def test_what_two_parts_say_twice_is_told() -> None:
    """Without a prefix the second of two equal parts clashes with the first, name by name, at the part's own lines."""
    b = Builder()
    b.include(Branch())
    b.include(Branch(new=False))
    with pytest.raises(ModelError) as caught:
        b.world()
    part = getsourcelines(Branch.build)[1]
    assert [str(problem) for problem in caught.value.problems] == [
        f"{__file__}:{part + 4}: accounts/acme/gateways/gateway: 'gateway' is said twice (names are unique)",
        f"{__file__}:{part + 5}: accounts/acme/vsis/vsi: 'vsi' is said twice (names are unique)",
    ]


SELF = '''"""Includes itself, by way of another."""

from lab import Builder, Topology, topology


@topology
class {name}(Topology):
    def build(self, b: Builder) -> None:
        b.include(topology("{other}"))
'''


def test_a_circle_is_told_and_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its names, in order; and a project's parts are found from wherever its topology is."""
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\ntopologies = ["."]\n')
    (tmp_path / "one.py").write_text(SELF.format(name="One", other="two"))
    (tmp_path / "two.py").write_text(SELF.format(name="Two", other="one"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="one: includes itself: one → two → one"):
        catalogue.load_topology("one").world()


def test_a_scenario_of_another_project_finds_its_topologys_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given by path, the scenario's own project is where its topology, and that one's parts, are looked for."""
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\ntopologies = ["."]\n')
    (tmp_path / "whole.py").write_text(SELF.format(name="Outer", other="branch"))
    branch = 'b.internet_host("here", account=b.account("mine"))'
    (tmp_path / "branch.py").write_text(
        SELF.format(name="Inner", other="x").replace('b.include(topology("x"))', branch)
    )
    text = (
        "from lab import Call, Outcome, Scenario, Step, topology\n"
        'STEP = Step("asks", Call.public("here", "k"), Outcome.REACHED)\n'
        'SCENARIO = Scenario(topology=topology("whole"), steps=(STEP,))\n'
    )
    (tmp_path / "play.py").write_text(text)
    monkeypatch.chdir("/")
    world = catalogue.world_of(catalogue.load_scenario(str(tmp_path / "play.py")))
    assert list(world.hosts) == ["here"]


def test_a_name_without_a_catalogue_is_told() -> None:
    """A builder of one's own finds no names, and says what it can include instead."""
    with pytest.raises(ModelError, match="nobody here finds the topology 'single_account'.*an object of its class"):
        Builder().include(topology("single_account"))
