"""The picture as SVG: accounts on the left, then edges, doors and instances; private is green, public orange.

What a call passes is numbered and drawn over the rest; where it dies the box is red and bears a cross.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lab.model.plane import Plane
from lab.model.rules import BY_ID
from lab.report.graph.picture import DOORS, INTERNET_EDGE, PROVIDER_EDGE, Box, Kind, Line, Picture

FACT, HEAD, PAD, SPACE = 17, 30, 14, 16
"""Heights of a fact and of a name, the room inside a frame, and between boxes."""
LETTER = 6.9
"""The width of a letter of a fact; names are bold, and shorter."""
LANE = 90
"""Room for lines between two columns."""
STYLE = """\
    .frame { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 5 4 }
    .box { fill: #ffffff; stroke: #57606a; stroke-width: 1.5 }
    .private { fill: #e6f4ea; stroke: #1a7f37 } .public { fill: #fff4e5; stroke: #bc5b00 }
    .dies { fill: #ffebe9; stroke: #cf222e; stroke-width: 3 } .on { stroke: #8250df; stroke-width: 3 }
    .line { fill: none; stroke-width: 2 } .in { stroke: #1a7f37 } .out { stroke: #bc5b00 }
    .way { fill: none; stroke: #8250df; stroke-width: 5; stroke-linecap: round; opacity: 0.75 }
    .name { font-weight: bold; fill: #1f2328 } .fact { font-size: 12px; fill: #424a53 }
    .mark { font-weight: bold; fill: #8250df } .cross { font-weight: bold; fill: #cf222e }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A place: left, top, width and height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        """Half-way down."""
        return self.y + self.h / 2


def document(drawn: Picture) -> str:
    """Return the picture as an SVG document."""
    return "\n".join(_Drawing(drawn).rows())


class _Drawing:
    """One drawing: the places of boxes and frames, and what is drawn there."""

    def __init__(self, drawn: Picture) -> None:
        self._drawn = drawn
        self._by_id = {box.id: box for box in drawn.boxes}
        self._places: dict[str, Rect] = {}
        self._frames: list[tuple[str, Rect]] = []
        self._lane, hosts_end = self._hosts()
        self._width, end = self._rest(self._lane, hosts_end)
        self._bottom = max(hosts_end, end)

    def rows(self) -> Iterator[str]:
        """Yield the document, line by line."""
        drawn, told = self._drawn, list(self._caption())
        width = max(self._width, *(len(text) * LETTER + 40 for text, _ in told)) if told else self._width
        height = self._bottom + SPACE + 22 * len(told)
        size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"'
        yield """     font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="14">"""
        yield f"  <title>{escape(f'The network of topology {drawn.title}')}</title>"
        yield f"  <style>\n{STYLE}\n  </style>"
        yield f'  <rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#ffffff"/>'
        for heading, place in self._frames:
            yield _rect("frame", place)
            yield _words("fact", place.x + PAD, place.y + 20, heading)
        yield from (self._curve("line in" if line.plane is Plane.PRIVATE else "line out", line) for line in drawn.lines)
        for line in drawn.lines:
            if drawn.way is not None and (line.a, line.b) in drawn.way.lines:
                yield self._curve("way", line)
        for box in drawn.boxes:
            yield from self._box(box)
        for number, (text, style) in enumerate(told, 1):
            yield _words(style, 20, self._bottom + 22 * number, text)
        yield "</svg>"

    def _hosts(self) -> tuple[float, float]:
        """Place hosts in their frames, appliances beside those behind them; return where both end."""
        drawn, y = self._drawn, 20.0
        hosts = drawn.of(Kind.VSI, Kind.ON_PREMISES_HOST, Kind.INTERNET_HOST)
        wide = max([_width(box, self._links(box)) for box in hosts], default=120)
        gateways = drawn.of(Kind.GATEWAY)
        inner = max([_width(box, []) for box in gateways], default=0)
        right = 20 + PAD + wide + (LANE + inner if gateways else 0) + PAD
        groups = [(f"account {name}: {has}", [b for b in hosts if b.kind is Kind.VSI and b.account == name],
                   [b for b in gateways if b.account == name]) for name, has in drawn.accounts.items()]  # fmt: skip
        groups += [
            ("on premises", drawn.of(Kind.ON_PREMISES_HOST), []),
            ("on the internet", drawn.of(Kind.INTERNET_HOST), []),
        ]
        for heading, inside, appliances in groups:
            if not inside and not appliances:
                continue
            top, y = y, y + HEAD
            for box in sorted(inside, key=lambda b: b.behind):
                self._places[box.id] = Rect(x=20 + PAD, y=y, w=wide, h=_height(box, self._links(box)))
                y += self._places[box.id].h + SPACE
            y = max(y, self._appliances(appliances, 20 + PAD + wide + LANE, inner, top + HEAD))
            self._frames.append((heading, Rect(x=20, y=top, w=right - 20, h=y - top - SPACE + PAD)))
            y += PAD
        return right, y

    def _appliances(self, gateways: list[Box], x: float, w: float, y: float) -> float:
        """Place appliances, each beside the middle of what is behind it, below that host's public line; say the end."""
        for box in gateways:
            behind = [self._places[b.id] for b in self._drawn.boxes if b.behind == box.id]
            below = behind[(len(behind) - 1) // 2].y + HEAD + FACT + 12 if behind else y
            place = Rect(x=x, y=max(y, below), w=w, h=_height(box, []))
            self._places[box.id], y = place, place.y + place.h + SPACE
        return y

    def _rest(self, right: float, bottom: float) -> tuple[float, float]:
        """Place edges, doors and instances in columns; return where the last column and the lowest box end."""
        columns = [
            [[self._by_id[PROVIDER_EDGE]], [self._by_id[INTERNET_EDGE]]],
            [[self._by_id[DOORS[Plane.PRIVATE]]], [self._by_id[DOORS[Plane.PUBLIC]]]],
            [self._drawn.of(Kind.INSTANCE)],
        ]
        x, end = right + LANE, bottom
        for column in (column for column in columns if column != [[]]):
            w = max(_width(box, []) for block in column for box in block)
            for number, block in enumerate(column):
                middle = 20 + (bottom - 20) * (2 * number + 1) / (2 * len(column))
                y = max(20, middle - sum(_height(box, []) + SPACE for box in block) / 2)
                for box in block:
                    self._places[box.id] = Rect(x=x, y=y, w=w, h=_height(box, []))
                    y += _height(box, []) + SPACE
                end = max(end, y)
            x += w + LANE
        return x - LANE + 20, end

    def _links(self, box: Box) -> list[Line]:
        return [line for line in self._drawn.lines if line.a == box.id]

    def _curve(self, style: str, line: Line) -> str:
        a, b = self._places[line.a], self._places[line.b]
        x1, x2, y2 = a.x + a.w, b.x, b.middle
        y1 = a.middle
        if self._by_id[line.a].kind in {Kind.VSI, Kind.ON_PREMISES_HOST, Kind.INTERNET_HOST}:
            y1 = a.y + HEAD + FACT * self._links(self._by_id[line.a]).index(line) + 2
        start = f"M{x1:.0f} {y1:.0f}"
        if line.b in {PROVIDER_EDGE, INTERNET_EDGE} and x1 < self._lane:  # past the appliances, before it bends
            x1, start = self._lane, f"{start} H{self._lane:.0f}"
        bend = min(LANE, (x2 - x1) / 2)
        way = f"{start} C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        return f'  <path class="{style}" d="{way}"/>'

    def _box(self, box: Box) -> Iterator[str]:
        """Yield a box with its name, its facts on the left and its links on the right."""
        place, way = self._places[box.id], self._drawn.way
        mark, dies = (way.mark(box.id), way.ends(box.id)) if way is not None else ("", False)
        side = "" if box.plane is None else f" {box.plane.value}"
        yield _rect(f"box{side}{' dies' if dies else ' on' if mark else ''}", place)
        yield _words("name", place.x + 12, place.y + 21, box.name)
        if mark:
            yield _words("cross" if dies else "mark", place.x + place.w - 10, place.y + 21, mark, end=True)
        for number, fact in enumerate(box.facts):
            yield _words("fact", place.x + 12, place.y + HEAD + FACT * number + 8, fact)
        if box.kind in {Kind.VSI, Kind.ON_PREMISES_HOST, Kind.INTERNET_HOST}:
            for number, line in enumerate(self._links(box)):
                yield _words("fact", place.x + place.w - 10, place.y + HEAD + FACT * number + 8, line.label, end=True)

    def _caption(self) -> Iterator[tuple[str, str]]:
        """Yield what is said below: the call, its hops, and the rule that decided."""
        way = self._drawn.way
        if way is None:
            return
        verdict = way.told.verdict
        yield f"{way.told.call}: {verdict.outcome.value}", "cross" if way.dies else "mark"
        for number, hop in enumerate(verdict.hops, 1):
            yield f"({number}) {hop.place}: {hop.fact}", "fact"
        rule = BY_ID.get(verdict.cause)
        yield verdict.cause + (f" ({rule.mark.value}): {rule.statement}" if rule is not None else ""), "fact"


def _width(box: Box, links: list[Line]) -> float:
    facts = max([len(fact) for fact in box.facts], default=0)
    labels = max([len(line.label) + 2 for line in links], default=0)
    return max((facts + labels) * LETTER, (len(box.name) + 12) * 8.5) + 24


def _height(box: Box, links: list[Line]) -> float:
    return HEAD + FACT * max(len(box.facts), len(links)) + 4


def _rect(style: str, place: Rect) -> str:
    size = f'x="{place.x:.0f}" y="{place.y:.0f}" width="{place.w:.0f}" height="{place.h:.0f}"'
    return f'  <rect class="{style}" {size} rx="6"/>'


def _words(style: str, x: float, y: float, text: str, *, end: bool = False) -> str:
    anchor = ' text-anchor="end"' if end else ""
    return f'  <text class="{style}" x="{x:.0f}" y="{y:.0f}"{anchor}>{escape(text)}</text>'
