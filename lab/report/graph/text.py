"""The picture for a terminal: hosts on the left, and down the right side what lies between them and the instances.

Private lines are double, public ones light; what a call passes is numbered, so that nothing is said by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from lab.model.plane import Plane
from lab.report.graph.canvas import DOUBLE, LIGHT, PLAIN, Canvas
from lab.report.graph.picture import DOORS, INTERNET_EDGE, PROVIDER_EDGE, Box, Kind, Picture
from lab.report.screen import plain

STYLES = {Plane.PRIVATE: "green", Plane.PUBLIC: "yellow"}
WEIGHTS = {Plane.PRIVATE: DOUBLE, Plane.PUBLIC: LIGHT}
WAY, DEAD = "bold magenta", "bold red"
GAP = 2
"""Columns between the frames and the lines that gather what leaves them."""


@dataclass(slots=True, kw_only=True)
class Row:
    """A row of a host: what it says on the left, the label of a link on the right, and where that link leads."""

    left: str
    label: str = ""
    plane: Plane | None = None
    box: str = ""
    title: bool = False
    out: bool = True


@dataclass(slots=True, kw_only=True)
class Frame:
    """A frame with a heading and rows; of an account's, or of what stands on the internet."""

    heading: str
    rows: list[Row] = field(default_factory=list)


def show(console: Console, drawn: Picture) -> None:
    """Draw the picture on ``console``; it is as wide as it needs to be."""
    for row in rows(drawn):
        text = row
        if plain(console):
            text = Text(row.plain.translate(PLAIN))
        console.print(text, soft_wrap=True)


def rows(drawn: Picture) -> list[Text]:
    """Return the picture, row by row."""
    return _Drawing(drawn).rows()


class _Drawing:
    """One drawing: where things have been put so far."""

    def __init__(self, drawn: Picture) -> None:
        self._drawn, self._canvas = drawn, Canvas()
        self._frames = list(_frames(drawn))
        every = [row for frame in self._frames for row in frame.rows]
        needed = [len(self._named(row)) + 1 + len(row.label) for row in every]
        self._width = max([*needed, *(len(frame.heading) + 2 for frame in self._frames)], default=0) + 5
        self._bus = {Plane.PRIVATE: self._width - 1 + GAP, Plane.PUBLIC: self._width - 1 + 2 * GAP}
        self._right = self._width - 1 + 3 * GAP
        self._entries: dict[str, int] = {}

    def rows(self) -> list[Text]:
        """Draw it all."""
        leaving = self._hosts()
        self._stack()
        for plane, edge in ((Plane.PRIVATE, PROVIDER_EDGE), (Plane.PUBLIC, INTERNET_EDGE)):
            self._gather(plane, edge, [(row, box) for row, box, on in leaving if on is plane])
        return self._canvas.rows()

    def _named(self, row: Row) -> str:
        return row.left + self._mark(row.box) if row.title else row.left

    def _mark(self, box: str) -> str:
        way = self._drawn.way
        return f" {mark}" if way is not None and (mark := way.mark(box)) else ""

    def _style(self, box: str) -> str:
        way = self._drawn.way
        if way is None or not way.mark(box):
            return "bold"
        return DEAD if way.ends(box) else WAY

    def _hosts(self) -> list[tuple[int, str, Plane]]:
        """Draw the frames on the left; return the rows in which links leave them."""
        top, leaving, canvas = 0, [], self._canvas
        for frame in self._frames:
            bottom = top + len(frame.rows) + 1
            canvas.frame(top, 0, bottom, self._width - 1, "dim")
            canvas.write(top, 2, f" {frame.heading} ", "bold")
            for place, row in enumerate(frame.rows, top + 1):
                canvas.write(place, 2, self._named(row), self._style(row.box) if row.title else "dim")
                if row.plane is None:
                    continue
                canvas.write(place, self._width - 3 - len(row.label), f"{row.label} ", STYLES[row.plane])
                if row.out:
                    leaving.append((place, row.box, row.plane))
            top = bottom + 1
        return leaving

    def _stack(self) -> None:
        """Draw what lies between the hosts and the instances, from the private side down to the public one."""
        drawn, top = self._drawn, 0
        by_id = {box.id: box for box in drawn.boxes}
        instances = drawn.of(Kind.INSTANCE)
        inside = [[by_id[PROVIDER_EDGE]], [by_id[DOORS[Plane.PRIVATE]]], instances]
        outside = [[by_id[DOORS[Plane.PUBLIC]]], [by_id[INTERNET_EDGE]]]
        blocks = [block for block in (*inside, *outside) if block]
        lines = [self._lines(block) for block in blocks]
        width = max(len(text) for block in lines for text, _ in block) + 4
        middle, before = self._right + width // 2, ""
        for block, told in zip(blocks, lines, strict=True):
            if before:
                plane = (
                    Plane.PRIVATE if block[0].id not in {box.id for some in outside for box in some} else Plane.PUBLIC
                )
                style = self._between(before, [box.id for box in block]) or STYLES[plane]
                self._canvas.down(middle, top - 2, top, WEIGHTS[plane], style)
            self._canvas.frame(top, self._right, top + len(told) + 1, self._right + width - 1, "dim")
            for place, (text, style) in enumerate(told, top + 1):
                self._canvas.write(place, self._right + 2, text, style)
            self._entries[block[0].id] = top + 1
            top, before = top + len(told) + 3, block[-1].id if len(block) == 1 else "instances"

    def _between(self, upper: str, lower: list[str]) -> str:
        """Return the style of the way where it goes between two blocks of the stack, in either direction."""
        if (way := self._drawn.way) is None:
            return ""
        ends = [box.id for box in self._drawn.of(Kind.INSTANCE)] if upper == "instances" else [upper]
        pairs = ((a, b) for one in ends for other in lower for a, b in ((one, other), (other, one)))
        return WAY if any(pair in way.lines for pair in pairs) else ""

    def _lines(self, block: list[Box]) -> list[tuple[str, str]]:
        """Return the lines of a block of boxes, each with its style."""
        found: list[tuple[str, str]] = []
        for box in block:
            found.append((box.name + self._mark(box.id), self._style(box.id)))
            found += ((f"  {fact}" if box.kind is Kind.INSTANCE else fact, "dim") for fact in box.facts)
        return found

    def _gather(self, plane: Plane, edge: str, leaving: list[tuple[int, str]]) -> None:
        """Lead the links of ``plane`` to their edge; the one on the way is drawn last, so that it stays whole."""
        way = self._drawn.way
        entry, bus, canvas = self._entries[edge], self._bus[plane], self._canvas
        on_way = [row for row, box in leaving if way is not None and (box, edge) in way.lines]
        for style, some in ((STYLES[plane], [row for row, _ in leaving]), (WAY, on_way)):
            for row in some:
                canvas.across(row, self._width - 3, bus, WEIGHTS[plane], style)
                canvas.down(bus, row, entry, WEIGHTS[plane], style)
            if some:
                canvas.across(entry, bus, self._right, WEIGHTS[plane], style)


def _frames(drawn: Picture) -> list[Frame]:
    """Return the frames on the left: accounts with their hosts and appliances, then what stands elsewhere."""
    found = []
    for account, has in drawn.accounts.items():
        own = [box for box in drawn.boxes if box.account == account]
        frame = Frame(heading=f"account {account}: {has}")
        for box in own:
            if box.kind is Kind.VSI and not box.behind:
                frame.rows += _host(drawn, box)
        for gateway in (box for box in own if box.kind is Kind.GATEWAY):
            frame.rows += _appliance(drawn, gateway, [box for box in own if box.behind == gateway.id])
        if frame.rows:
            found.append(frame)
    for kind, heading in ((Kind.ON_PREMISES_HOST, "on premises"), (Kind.INTERNET_HOST, "on the internet")):
        if boxes := drawn.of(kind):
            found.append(Frame(heading=heading, rows=[row for box in boxes for row in _host(drawn, box)]))
    return found


def _host(drawn: Picture, box: Box, first: str = "", then: str = "", *, out: bool = True) -> list[Row]:
    """Return a host's rows: its name, its routes to the services, and its links beside them."""
    lefts = [f"{first}{box.name}", *(f"{then}{fact}" for fact in box.facts)]
    links = [line for plane in (Plane.PRIVATE, Plane.PUBLIC) if (line := drawn.line(box.id, plane)) is not None]
    found = []
    for number in range(max(len(lefts), len(links))):
        row = Row(left=lefts[number] if number < len(lefts) else then, box=box.id, title=number == 0)
        if number < len(links):
            row.label, row.plane = links[number].label, links[number].plane
            row.out = out or row.plane is Plane.PUBLIC
        found.append(row)
    return found


def _appliance(drawn: Picture, gateway: Box, behind: list[Box]) -> list[Row]:
    """Return an appliance's rows, and under it those of the hosts behind it, hanging on it."""
    line = drawn.line(gateway.id, Plane.PRIVATE)
    found = [Row(left=gateway.name, label=line.label if line else "", plane=Plane.PRIVATE, box=gateway.id, title=True)]
    found += (Row(left=fact, box=gateway.id) for fact in gateway.facts)
    for box in behind:
        last = box is behind[-1]
        found += _host(drawn, box, "╚═ " if last else "╠═ ", "   " if last else "║  ", out=False)
    return found
