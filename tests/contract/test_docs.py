"""Pages that teach: their code runs as it stands, and their tables of arguments are the code's."""

from __future__ import annotations

import inspect
import re
import shutil
import sys
import typing
from collections.abc import Callable
from enum import Enum
from pathlib import Path

import pytest

import lab
from lab import Builder, Call, Lab, LabFixture, Netlink, Operation, catalogue
from lab.describe import environment
from lab.live.host import Host
from lab.model import addresses, endpoint
from lab.model.action import Action
from lab.model.routes import HostRoute
from lab.net.hosts import Hosts
from lab.report import remedy
from lab.testing.netlink import NetlinkFixture
from tests.contract import coverage, pages

PAGES = (
    "docs/tutorial.md",
    "docs/your-own-project.md",
    "docs/labs-that-stay.md",
    "docs/from-mininet.md",
    "docs/from-batfish.md",
    "docs/from-the-product-docs.md",
    "docs/ci.md",
)
"""Pages whose blocks are run; another joins by its name."""
OWN = "docs/your-own-project.md"
PRODUCT = "docs/from-the-product-docs.md"
RECIPES = "CONTRIBUTING.md"
FOR_OUR_TESTS = {"stop_after", "batch_size"}
"""Arguments of ``Lab`` that break a lab on purpose."""

NOT_FOR_TESTS = {"network", "note_end"}
"""Methods of the fixture ``lab`` that its own parts call."""

ACTIONS = {action.__name__: action for action in typing.get_args(Action) if action is not HostRoute}
CALLABLES: dict[str, Callable[..., object]] = {
    **{f"b.{name}": part for name, part in vars(Builder).items() if not name.startswith("_") and name != "world"},
    **ACTIONS,
    "Netlink": Netlink,
    "Netlink.route": Netlink.route,
    "Call.private": Call.private,
    "Call.public": Call.public,
    "Call.ep11_private": Call.ep11_private,
    "Call.ep11_public": Call.ep11_public,
    "Call.kp": Call.kp,
    "Call.tke_private": Call.tke_private,
    "Call.tke_public": Call.tke_public,
    "Call.tke": Call.tke,
    "Call.console": Call.console,
    "Call.broker": Call.broker,
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


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, to follow recipes in."""
    for name in ("lab", "tests", "docs", "topologies", "scenarios"):
        shutil.copytree(pages.ROOT / name, tmp_path / name)
    shutil.copy(pages.ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.fixture
def live(request: pytest.FixtureRequest) -> bool:
    """Whether blocks that need a network are run, too: then one run shows both, as a reader sees them."""
    return bool(request.config.getoption("--live"))


@pytest.mark.parametrize("page", PAGES)
def test_every_block_runs_as_it_stands(page: str, tmp_path: Path, live: bool) -> None:
    """A reader who copies the page from top to bottom sees what it shows."""
    runs = [block for block in pages.blocks(page) if block.kind == "run"]
    assert any(block.live for block in runs)
    assert pages.run(page, tmp_path, live=live) == sum(live or not block.live for block in runs)


def test_the_recipes_can_be_followed(checkout: Path, live: bool) -> None:
    """What is added as is said is found, drawn and played; the suite says what it lacks; pages come out as they are."""
    assert pages.run(RECIPES, checkout, live=live, project=checkout) > 0
    for page in ("docs/rules.md", "docs/coverage.md"):
        assert (checkout / page).read_text() == (pages.ROOT / page).read_text()


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


def test_every_section_of_the_products_page_has_its_line() -> None:
    """In its order, and with scenarios that are shipped."""
    rows = pages.table(PRODUCT, "section")
    assert [row[0] for row in rows] == [section.anchor for section in coverage.sections()]
    named = {name for row in rows for name in re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", row[2])}
    assert named - {entry.name for entry in catalogue.scenarios(pages.ROOT)} == set()


def test_every_command_of_the_products_page_and_of_a_remedy_has_its_line() -> None:
    """What is typed there, and what ``pelab explain`` says to type, has a counterpart or is said to have none."""
    shown = [row[0] for row in pages.table(PRODUCT, "command")]
    said = [row.says for section in coverage.sections() for row in section.rows]
    typed = re.findall(r"`((?:ibmcloud|route|export) [^`|(]*[^`|( ])", " ".join(said).replace("\\", ""))
    typed += re.findall(r'"(ibmcloud [^"{]*[^"{ ])', inspect.getsource(remedy))
    assert {
        command for command in typed if not any(line.startswith(command.partition(" -i")[0]) for line in shown)
    } == set()
    assert [row for row in pages.table(PRODUCT, "command") if not all(row)] == []
