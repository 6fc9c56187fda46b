"""A canvas of characters: lines, light or double, join and cross as box-drawing characters do.

Double lines are the private side, light ones the public side and frames. A crossing of the two kinds is a character of
its own, so that it is never taken for a junction.
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

from rich.text import Text

LIGHT, DOUBLE = 1, 2
NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
_SAME: Final = {LIGHT: " ╵╶└╷│┌├╴┘─┴┐┤┬┼", DOUBLE: " ║═╚║║╔╠═╝═╩╗╣╦╬"}
# (light, double) directions of a cell
_MIXED: Final = {
    (NORTH | SOUTH, EAST | WEST): "╪", (EAST | WEST, NORTH | SOUTH): "╫",
    (NORTH | SOUTH, EAST): "╞", (NORTH | SOUTH, WEST): "╡", (EAST | WEST, NORTH): "╨", (EAST | WEST, SOUTH): "╥",
    (EAST, NORTH | SOUTH): "╟", (WEST, NORTH | SOUTH): "╢", (NORTH, EAST | WEST): "╧", (SOUTH, EAST | WEST): "╤",
}  # fmt: skip
_LETTERS: Final = {"|": "│╵╷", "-": "─╶╴", "#": "║", "=": "═", ">": "→", "X": "✘", "*": "✔"}
_CORNERS: Final = "┌┐└┘├┤┬┴┼╔╗╚╝╠╣╦╩╬╪╫╞╡╨╥╟╢╧╤"
PLAIN: Final = str.maketrans({**{drawn: letter for letter, some in _LETTERS.items() for drawn in some},
                              **dict.fromkeys(_CORNERS, "+")})  # fmt: skip
"""What stands for each character where letters are all there is."""


class Canvas:
    """Cells by row and column; each holds a character or lines, and a style."""

    def __init__(self) -> None:
        """Start empty."""
        self._letters: dict[tuple[int, int], str] = {}
        self._lines: dict[tuple[int, int], dict[int, int]] = {}
        self._styles: dict[tuple[int, int], str] = {}

    def write(self, row: int, column: int, text: str, style: str = "") -> None:
        """Put ``text`` there."""
        for place, letter in enumerate(text, column):
            self._letters[row, place] = letter
            self._styles[row, place] = style

    def across(self, row: int, first: int, last: int, weight: int, style: str = "") -> None:
        """Draw a line along ``row`` from the middle of one column to the middle of another, either way round."""
        first, last = sorted((first, last))
        for column in range(first, last):
            self._join(row, column, EAST, weight, style)
            self._join(row, column + 1, WEST, weight, style)

    def down(self, column: int, first: int, last: int, weight: int, style: str = "") -> None:
        """Draw a line along ``column`` from the middle of one row to the middle of another, either way round."""
        first, last = sorted((first, last))
        for row in range(first, last):
            self._join(row, column, SOUTH, weight, style)
            self._join(row + 1, column, NORTH, weight, style)

    def frame(self, top: int, left: int, bottom: int, right: int, style: str = "") -> None:
        """Draw a light frame."""
        for row in (top, bottom):
            self.across(row, left, right, LIGHT, style)
        for column in (left, right):
            self.down(column, top, bottom, LIGHT, style)

    def rows(self) -> list[Text]:
        """Return the rows from the first to the last that is used."""
        used = {*self._letters, *self._lines}
        bottom = max((row for row, _ in used), default=-1)
        return [self._row(row, max((c for r, c in used if r == row), default=-1)) for row in range(bottom + 1)]

    def _row(self, row: int, last: int) -> Text:
        cells = [(self._letter(row, column), self._styles.get((row, column), "")) for column in range(last + 1)]
        text = Text()
        for style, run in groupby(cells, key=lambda cell: cell[1]):
            text.append("".join(letter for letter, _ in run), style)
        return text

    def _letter(self, row: int, column: int) -> str:
        if (letter := self._letters.get((row, column))) is not None:
            return letter
        found = self._lines.get((row, column), {})
        light, double = (sum(d for d, weight in found.items() if weight == wanted) for wanted in (LIGHT, DOUBLE))
        if light and double:
            return _MIXED.get((light, double), _SAME[DOUBLE][light | double])
        return _SAME[DOUBLE][double] if double else _SAME[LIGHT][light]

    def _join(self, row: int, column: int, direction: int, weight: int, style: str) -> None:
        self._lines.setdefault((row, column), {})[direction] = weight
        self._styles[row, column] = style or self._styles.get((row, column), "")
