"""What runs the pages can fail: a page that stopped working, or shows what is not printed, does not pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract import pages

Run = Callable[[str], int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs a page of this text; ``|`` is the end of a line, ``~~~`` a fence."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)

    def go(text: str) -> int:
        (tmp_path / "page.md").write_text(text.replace("|", "\n").replace("~~~", "```"))
        return pages.run("page.md", tmp_path, live=False)

    return go


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("# A|~~~sh|true|~~~||  ~~~sh|  echo why|  exit 3|  ~~~|", r"page\.md:6: ended with 3:\necho why\nexit 3"),
        ("~~~sh status=1|true|~~~|", "page.md:1: ended with 0"),
        ("|~~~sh|echo two|~~~|~~~text output|one|~~~|", r"page\.md:5: .*\none\n\nand this was printed:\ntwo"),
        ("~~~sh|echo one; echo two|~~~|~~~text output|two|~~~|", "page.md:4: this is shown"),
        ("~~~sh|echo one; echo two|~~~|~~~text output|one|~~~|", "page.md:4: this is shown"),
        ("~~~sh|echo a; echo b|~~~|~~~text output|b|...|a|~~~|", "page.md:4: this is shown"),
        ("~~~|$ pelab list|~~~|", "page.md:1: a block of no kind"),
        ("~~~text|for people only|~~~|", "page.md:1: a block of no kind"),
        ("~~~console|$ true|~~~|", "page.md:1: a block of no kind"),
        ("~~~sh skip|true|~~~|", "page.md:1: nobody knows {'skip'}"),
        ("~~~sh|true|", "page.md: a block is not closed"),
        ("~~~text output|one|~~~|", "page.md:1: nothing was run that could have said this"),
        ("~~~text elsewhere=nowhere.py|true|~~~|", "page.md:1: nobody tries this elsewhere"),
        ("~~~text files|one.py|~~~|", "page.md:1: the page's files are \\[\\]"),
    ],
)  # fmt: skip
def test_a_page_that_stopped_working_is_told_with_its_place(run: Run, page: str, said: str) -> None:
    """A block that fails, that shows what was not printed, or that nobody could run."""
    with pytest.raises(AssertionError, match=said):
        run(page)


def test_what_is_shown_may_leave_out_and_fold(run: Run) -> None:
    """``...`` is what is left out, if anything is, and a folded line is the same line; a block may end as it says."""
    shown = "~~~text output|one|two|...|four|~~~|"
    assert run(f"~~~sh status=1|echo one two; echo three; echo four >&2; exit 1|~~~|{shown}") == 1
    assert run(f"~~~sh|echo one two four|~~~|{shown}") == 1


def test_a_file_is_written_when_its_turn_comes(run: Run) -> None:
    """A page may write it anew, and what it shows in between is what was in it then."""
    one = '~~~text title="a/b"|1|~~~|~~~sh|cat a/b|~~~|~~~text output|1|~~~|'
    assert run(one + one.replace("1", "2") + "~~~text files|a/b|~~~|") == 2


def test_a_live_block_is_left_out_with_its_output(run: Run) -> None:
    """Without a network nothing is claimed of it."""
    assert run("~~~sh live|false|~~~|~~~text output|never said|~~~|~~~python|print(1)|~~~|") == 1
