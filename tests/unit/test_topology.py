"""Topologies: typed parameters, text from a command line, and no silent loss of a misspelt name."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import catalogue
from lab.errors import ModelError
from lab.model.plane import Policy


@pytest.mark.parametrize("text", ["false", "False", "no", "0", "off"])
def test_textual_false_is_false(text: str) -> None:
    """``mn --topo single_account,vrf=false`` passes text; the string "false" must not count as true."""
    world = catalogue.load_topology("single_account", vrf=text).world()
    assert not world.accounts["acme"].vrf


@pytest.mark.parametrize("text", ["true", "yes", "1", True, 1])
def test_textual_true_is_true(text: object) -> None:
    """So do its counterparts, and numbers, which ``mn`` makes of digits."""
    assert catalogue.load_topology("single_account", vrf=text).world().accounts["acme"].vrf


def test_single_account_is_ready_by_default() -> None:
    """Everything a private call needs stands, so that a first try succeeds."""
    world = catalogue.load_topology("single_account").world()
    assert (world.accounts["acme"].vrf, world.accounts["acme"].service_endpoints) == (True, True)
    assert world.instances["keys"].initialised
    assert world.instances["keys"].policy is None
    assert list(world.hosts) == ["vsi-1", "laptop"]


def test_parameters_arrive() -> None:
    """Each parameter does what it says."""
    built = catalogue.load_topology(
        "single_account", vsis="3", service_endpoints="no", private_route="no", initialised="no", policy="private-only"
    )
    world = built.world()
    assert list(world.hosts) == ["vsi-1", "vsi-2", "vsi-3", "laptop"]
    assert (world.accounts["acme"].vrf, world.accounts["acme"].service_endpoints) == (True, False)
    assert "166.9.0.0/16" not in {str(route.dst) for route in world.hosts["vsi-1"].routes}
    assert not world.instances["keys"].initialised
    assert world.instances["keys"].policy is Policy.PRIVATE_ONLY


def test_service_endpoints_without_vrf_cannot_be_said() -> None:
    """Asked for by name, the contradiction is an error and not silently dropped."""
    with pytest.raises(ModelError, match="service endpoints need VRF"):
        catalogue.load_topology("single_account", vrf=False, service_endpoints=True).world()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"vsi": 2}, "single_account/vsi: no such parameter (did you mean 'vsis'?)"),
        ({"vsis": "two"}, "single_account/vsis: 'two': a whole number, 0 or more"),
        ({"vrf": "maybe"}, "single_account/vrf: 'maybe': one of true, yes, on, 1, false, no, off, 0"),
        ({"policy": "private"}, "single_account/policy: 'private': one of public-and-private, private-only"),
    ],
    ids=["misspelt", "no-number", "no-boolean", "no-policy"],
)
def test_a_wrong_parameter_is_told_with_what_fits(given: dict[str, object], told: str) -> None:
    """One line, the parameter's path, what would be right."""
    with pytest.raises(ModelError) as caught:
        catalogue.load_topology("single_account", **given)
    assert str(caught.value) == told


@pytest.mark.parametrize("value", ["-1", -1])
@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        (entry.name, name)
        for entry in catalogue.topologies()
        for name, parameter in catalogue.load_topology(entry.name).parameters().items()
        if type(parameter.default) is int
    ],
)
def test_nothing_is_counted_below_zero(name: str, parameter: str, value: object) -> None:
    """Every number of a shipped topology has its bound: one line, and no world with less in it than was asked for."""
    with pytest.raises(ModelError) as caught:
        catalogue.load_topology(name, **{parameter: value})
    assert str(caught.value) == f"{name}/{parameter}: {value!r}: a whole number, 0 or more"


def test_what_no_text_can_say_is_refused(tmp_path: Path) -> None:
    """A list of one-letter names is nobody's wish; from a scenario the list comes as it is."""
    path = tmp_path / "many.py"
    path.write_text(
        '"""Many."""\nfrom lab import Builder, Topology, topology\n@topology\nclass Many(Topology):\n'
        "    names: tuple[str, ...] = ('one',)\n    def build(self, b: Builder) -> None:\n"
        "        for name in self.names:\n            b.account(name)\n"
    )
    with pytest.raises(ModelError, match="many/names: 'two': no text can say it"):
        catalogue.load_topology(str(path), names="two")
    assert list(catalogue.load_topology(str(path), names=("two", "three")).world().accounts) == ["two", "three"]
