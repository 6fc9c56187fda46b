"""Pages that teach: their code runs as it stands, and their tables of arguments are the code's."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import pytest

import lab
from lab import Builder, Call, Lab, LabFixture, Netlink, Operation, Outcome, catalogue
from lab.describe import environment
from lab.live.host import Host
from lab.model import addresses, endpoint
from lab.model.action import Action
from lab.model.routes import HostRoute
from lab.net.hosts import Hosts
from lab.testing.netlink import NetlinkFixture
from tests.contract import pages

PAGES = ("docs/your-own-project.md", "docs/ci.md")
"""Pages whose blocks are run; another joins by its name."""
OWN = "docs/your-own-project.md"
FOR_OUR_TESTS = {"stop_after", "batch_size"}
"""Arguments of ``Lab`` that break a lab on purpose."""

NOT_FOR_TESTS = {"network", "note_program"}
"""Methods of the fixture ``lab`` that its own parts call."""

ACTIONS = {action.__name__: action for action in typing.get_args(Action) if action is not HostRoute}
CALLABLES: dict[str, Callable[..., object]] = {
    **{f"b.{name}": part for name, part in vars(Builder).items() if not name.startswith("_") and name != "world"},
    **ACTIONS,
    "Netlink": Netlink,
    "Netlink.route": Netlink.route,
    "Call.private": Call.private,
    "Call.public": Call.public,
    "Call.token": Call.token,
    "call.to": Call.to,
    "SetPolicy": lab.SetPolicy,
    "Lab": Lab,
    "lab.ask": Lab.ask,
    "lab.act": Lab.act,
    "lab.host": Lab.host,
    "lab.host(...).run": Host.run,
    "lab.host(...).start": Host.start,
    "rehearse": lab.rehearse,
    **{
        f"fixture.{name}": part
        for name, part in vars(LabFixture).items()
        if inspect.isfunction(part) and not name.startswith("_") and name not in NOT_FOR_TESTS
    },
    "fixture.netlink(...).route": NetlinkFixture.route,
}


def default(parameter: inspect.Parameter) -> str:
    """Return a default as an author would write it; empty where there is none."""
    if parameter.default is inspect.Parameter.empty:
        return ""
    value = parameter.default
    return str(value) if isinstance(value, Enum) else repr(value).replace("'", '"')


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    """A reader who copies the page from top to bottom has a project that works; without a network so far."""
    assert pages.write(page, tmp_path)
    assert pages.run(page, tmp_path, live=False) > 0


@pytest.mark.live
@pytest.mark.parametrize("page", PAGES)
def test_every_live_block_runs_as_it_stands(page: str, tmp_path: Path) -> None:
    """So do the blocks that need a network."""
    pages.write(page, tmp_path)
    assert pages.run(page, tmp_path, live=True) > 0


def test_a_block_that_fails_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page and line, the block and what it said: and a page that stopped working does not pass."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    (tmp_path / "page.md").write_text("# Page\n\n```sh\ntrue\n```\n\n   ```sh\n   echo why\n   exit 3\n   ```\n")
    with pytest.raises(AssertionError, match=r"page\.md:7:\necho why\nexit 3\n\nwhy"):
        pages.run("page.md", tmp_path, live=False)


@pytest.mark.parametrize("name", CALLABLES)
def test_every_argument_is_in_the_table(name: str) -> None:
    """Each argument of what an author calls, in the order of the code, with its default; and no other."""
    parameters = inspect.signature(CALLABLES[name]).parameters.values()
    named = (
        p for p in parameters if p.name not in {"self", *FOR_OUR_TESTS} and p.kind is not inspect.Parameter.VAR_KEYWORD
    )
    shown = [(row[1], row[2]) for row in pages.table(OWN, "call") if row[0] == name]
    assert shown == [(p.name, default(p)) for p in named]


def test_the_tables_show_nothing_else() -> None:
    """A row about something that is gone would send readers astray."""
    assert {row[0] for row in pages.table(OWN, "call")} == set(CALLABLES)
    assert {row[0] for row in pages.table(OWN, "outcome")} == {f"Outcome.{outcome.name}" for outcome in Outcome}


def test_every_operation_region_and_limit_is_named() -> None:
    """What has no table is in a sentence."""
    text = (pages.ROOT / OWN).read_text()
    words = [f"{operation.name}`" for operation in Operation]
    words += [f"`{region}`" for region in addresses.REGIONS]
    words += ["`call.impatient()`", *(f"`{zone}`" for zone in ("us-south-1", "us-south-3"))]
    words += [
        f"{addresses.MOST_ACCOUNTS} accounts",
        f"{addresses.MOST_VSIS_OF_AN_ACCOUNT} VSIs in an account",
        f"{addresses.MOST_VSIS} in all",
        f"{addresses.MOST_INTERNET_HOSTS} internet hosts",
        f"{endpoint.MOST_INSTANCES} instances",
    ]
    assert [word for word in words if word not in text] == []


def test_every_variable_that_a_client_finds_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other: what is not passed on is not promised."""
    monkeypatch.setattr("lab.net.hosts._FILES", tmp_path)
    world = catalogue.load_topology("single_account").world()
    hosts = Hosts()
    hosts.add("vsi-1", network=0, environment=environment.of(world, world.hosts["vsi-1"], "key"))
    shown = [name.strip() for row in pages.table(OWN, "variable") for name in row[0].split(",")]
    assert set(shown) == set(hosts.environment_of("vsi-1"))
    assert len(shown) == len(set(shown))
