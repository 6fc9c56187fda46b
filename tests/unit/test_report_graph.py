"""Pictures: everything of a world is in each of them, and a call's way ends where the oracle says."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from lab import Call, Plane, catalogue
from lab.cli.main import main
from lab.model.world import World
from lab.oracle import predict
from lab.report.explain import explain
from lab.report.graph import mermaid, svg, text
from lab.report.graph.canvas import DOUBLE, LIGHT, Canvas
from lab.report.graph.picture import INTERNET_EDGE, PROVIDER_EDGE, Picture, picture

NAMES = [entry.name for entry in catalogue.topologies()]


def world(name: str, **parameters: object) -> World:
    """Return a shipped topology's world."""
    return catalogue.load_topology(name, **parameters).world()


def drawn_with(described: World, call: Call) -> Picture:
    """Return the picture of a world with the way of a call."""
    return picture("drawn", described, explain(described, call))


def on_screen(made: Picture) -> str:
    """Return the picture as a terminal shows it, without colour."""
    return "\n".join(row.plain for row in text.rows(made))


FORMS = {"text": on_screen, "svg": svg.document, "mermaid": mermaid.document}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_everything_of_a_world_is_in_the_picture(name: str, form: str) -> None:
    """Each account, host, appliance and instance by name, each address, each policy."""
    described = world(name)
    shown = FORMS[form](picture(name, described))
    wanted = [f"account {account}" for account in described.accounts]
    wanted += [*described.hosts, *described.gateways, *described.instances]
    wanted += [f"{nic.name} {nic.address.ip}" for host in described.hosts.values() for nic in host.nics]
    assert [one for one in wanted if one not in shown] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_svg_is_well_formed_and_nothing_lies_outside_or_on_another(name: str) -> None:
    """Boxes of hosts, appliances, edges, doors and instances do not overlap, and the picture holds them all."""
    root = ET.fromstring(svg.document(picture(name, world(name))))
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    boxes = [
        tuple(float(rect.attrib[side]) for side in ("x", "y", "width", "height"))
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
        if rect.attrib.get("class", "").startswith("box")
    ]
    assert len(boxes) == len(picture(name, world(name)).boxes)
    for number, (x, y, w, h) in enumerate(boxes):
        assert x >= 0 <= y
        assert x + w <= width
        assert y + h <= height
        for ox, oy, ow, oh in boxes[:number]:
            assert x + w <= ox or ox + ow <= x or y + h <= oy or oy + oh <= y


CASES: dict[str, tuple[str, dict[str, object], Call, str, bool]] = {
    "served": ("single_account", {}, Call.private("vsi-1", "keys"), "instance/keys", False),
    "no-vrf": ("single_account", {"vrf": False}, Call.private("vsi-1", "keys"), PROVIDER_EDGE, True),
    "no-route": ("single_account", {"private_route": False}, Call.private("vsi-1", "keys"), INTERNET_EDGE, True),
    "policy": ("single_account", {"policy": "private-only"}, Call.public("laptop", "keys"), "public doors", True),
    "appliance": ("data_center", {}, Call.private("inner-vsi", "keys"), "instance/keys", False),
    "firewall": ("data_center", {"permits_services": False}, Call.private("inner-vsi", "keys"), "gateway", True),
    "direct-link": ("data_center", {}, Call.private("mainframe", "keys"), PROVIDER_EDGE, True),
    "stranger": ("two_accounts", {}, Call.private("vsi-1", "globex-keys"), "private doors", True),
    "token": ("single_account", {}, Call.token("vsi-1", "keys", Plane.PRIVATE), "private doors", False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_way_ends_where_the_oracle_says(case: str) -> None:
    """By the boxes between which there are lines, and a cross stands where it dies and nowhere else."""
    name, parameters, call, end, dies = CASES[case]
    described = world(name, **parameters)
    made = drawn_with(described, call)
    assert made.way is not None
    assert (made.way.places[0], made.way.places[-1], made.way.dies) == (call.by, end, dies)
    assert made.way.lines <= {(line.a, line.b) for line in made.lines}
    marked = {number for numbers in made.way.hops.values() for number in numbers}
    assert marked == set(range(1, len(predict(described, call).hops) + 1))
    for form in (on_screen, mermaid.document):
        assert form(made).count("✘") == dies
    assert svg.document(made).count('text class="cross" x') == 2 * dies, "at the box, and in the caption"


def test_a_query_that_dies_ends_where_it_dies() -> None:
    """Not in the host, which hears nothing of it."""
    described = world("single_account")
    host = described.hosts["vsi-1"]
    routes = tuple(route for route in host.routes if str(route.dst) != "161.26.0.0/16")
    lost = described.with_host(replace(host, routes=routes))
    made = drawn_with(lost, Call.private("vsi-1", "keys"))
    assert made.way is not None
    assert (made.way.places[-1], made.way.dies) == (INTERNET_EDGE, True)


def test_lines_join_with_their_own_kind_and_cross_the_other() -> None:
    """A crossing is never drawn as a junction."""
    canvas = Canvas()
    canvas.across(1, 0, 2, LIGHT)
    canvas.down(1, 0, 2, DOUBLE)
    canvas.across(1, 4, 6, DOUBLE)
    canvas.down(5, 0, 2, DOUBLE)
    canvas.across(1, 8, 10, LIGHT)
    canvas.down(9, 1, 2, LIGHT)
    assert canvas.rows()[1].plain == "╶╫╴ ═╬═ ╶┬╴"


def test_a_terminal_of_letters_gets_letters() -> None:
    """Without Unicode the same picture stands in ASCII, as wide as before."""
    page = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    made = drawn_with(world("hub_and_spoke"), Call.private("spoke-1-vsi-1", "keys"))
    text.show(Console(file=page, width=200), made)
    page.seek(0)
    shown = page.read()
    assert [len(row) for row in shown.splitlines()] == [len(row.plain) for row in text.rows(made)]


@pytest.mark.parametrize("asked", [[], ["--from", "inner-vsi"], ["--from", "mainframe", "--plane", "private"]])
def test_the_command_prints_each_form(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Text by default; SVG, Mermaid and JSON where they are asked for, with status 0."""
    starts = {"": "┌─ account acme", "--svg": "<svg ", "--mermaid": "flowchart LR\n", "--json": '{\n  "topology"'}
    for option, start in starts.items():
        assert main(["graph", "data_center", *asked, *filter(None, [option])]) == 0
        assert capsys.readouterr().out.startswith(start)


def test_the_json_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Boxes and lines by id, and the way with the verdict."""
    assert main(["graph", "data_center", "--from", "mainframe", "--plane", "private", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    ids = {box["id"] for box in told["boxes"]}
    assert {end for line in told["lines"] for end in (line["from"], line["to"])} <= ids
    assert told["way"]["boxes"] == ["mainframe", "provider edge"]
    assert (told["way"]["dies"], told["way"]["cause"]) == (True, "edge.direct-link")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--to", "keys"], "--to and --plane say whither a call goes; --from HOST says whose it is"),
        (["--svg", "--json"], "--json and --svg are two pictures; ask for one"),
        (["--from", "vsi-9"], "--from: no host named 'vsi-9' .*'vsi-1'"),
        (["--from", "vsi-1", "--to", "key"], "no instance named 'key' .*'keys'"),
        (["--from", "vsi-1", "--set", "instance=no"], "there is no instance that vsi-1 could call"),
    ],
)
def test_a_mistake_is_one_line_and_no_picture(asked: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With what would be right, and status 2."""
    assert main(["graph", "single_account", *asked]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(said, err)


@pytest.mark.parametrize(("form", "private"), [("--mermaid", ":::private"), ("--svg", 'class="box private"')])
def test_private_doors_are_private_without_an_instance_behind_them(
    form: str, private: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A box's side is the box's own, whatever it is linked to: the provider edge's and the doors'."""
    assert main(["graph", "single_account", "--set", "instance=false", form]) == 0
    assert capsys.readouterr().out.count(private) == 2


@pytest.mark.parametrize(("asked", "called"), [([], "globex-keys"), (["--to", "keys"], "keys")])
def test_a_way_leads_by_default_to_an_instance_of_the_hosts_account(
    asked: list[str], called: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not to whichever instance the topology names first, where the call would be a stranger's."""
    assert main(["graph", "two_accounts", "--from", "globex-vsi-1", *asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["way"]["call"]["instance"] == called
