"""The picture as Mermaid, which Markdown pages of the usual forges draw themselves."""

from __future__ import annotations

from collections.abc import Iterator

from lab.model.plane import Plane
from lab.report.graph.picture import Box, Kind, Picture

SHAPES = {Kind.GATEWAY: ("{{", "}}"), Kind.INSTANCE: ("[(", ")]"), Kind.EDGE: ("[[", "]]"), Kind.DOORS: ("([", "])")}
CLASSES = (
    "classDef private fill:#e6f4ea,stroke:#1a7f37,color:#1f2328",
    "classDef public fill:#fff4e5,stroke:#bc5b00,color:#1f2328",
    "classDef host fill:#ffffff,stroke:#57606a,color:#1f2328",
    "classDef dies fill:#ffebe9,stroke:#cf222e,stroke-width:3px,color:#1f2328",
)
STROKES = {Plane.PRIVATE: "#1a7f37", Plane.PUBLIC: "#bc5b00"}
WAY = "#8250df"


def document(drawn: Picture) -> str:
    """Return the picture as one Mermaid flowchart."""
    return "\n".join(_rows(drawn))


def _rows(drawn: Picture) -> Iterator[str]:
    ids = {box.id: f"n{number}" for number, box in enumerate(drawn.boxes)}
    yield "flowchart LR"
    for number, (account, has) in enumerate(drawn.accounts.items()):
        yield f'  subgraph a{number}["{_text(f"account {account}: {has}")}"]'
        for box in drawn.boxes:
            if box.account == account and box.kind in {Kind.VSI, Kind.GATEWAY}:
                yield f"    {_node(drawn, ids, box)}"
        yield "  end"
    for box in drawn.boxes:
        if box.kind not in {Kind.VSI, Kind.GATEWAY}:
            yield f"  {_node(drawn, ids, box)}"
    for line in drawn.lines:
        label = f'|"{_text(line.label)}"|' if line.label else ""
        yield f"  {ids[line.a]} ---{label} {ids[line.b]}"
    yield from (f"  {each}" for each in CLASSES)
    for number, line in enumerate(drawn.lines):
        on_way = drawn.way is not None and (line.a, line.b) in drawn.way.lines
        stroke, width = (WAY, 4) if on_way else (STROKES[line.plane], 2)
        yield f"  linkStyle {number} stroke:{stroke},stroke-width:{width}px"


def _node(drawn: Picture, ids: dict[str, str], box: Box) -> str:
    way = drawn.way
    mark = f" {way.mark(box.id)}" if way is not None and way.mark(box.id) else ""
    opening, closing = SHAPES.get(box.kind, ("[", "]"))
    text = "<br/>".join((f"<b>{_text(box.name + mark)}</b>", *map(_text, box.facts)))
    return f'{ids[box.id]}{opening}"{text}"{closing}:::{_class(drawn, box)}'


def _class(drawn: Picture, box: Box) -> str:
    if drawn.way is not None and drawn.way.ends(box.id):
        return "dies"
    return "host" if box.plane is None else box.plane.value


def _text(text: str) -> str:
    return text.replace('"', "#quot;")
