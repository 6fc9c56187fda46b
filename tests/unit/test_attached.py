"""A lab that cannot be reached is told by why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.errors import LiveError
from lab.live.attached import Attached
from lab.live.claim import Claim
from lab.live.entry import begun
from lab.live.registry import Registry


@pytest.fixture
def labs(tmp_path: Path) -> Iterator[Registry]:
    """A registry in a folder of its own."""
    with Registry(tmp_path / "pelab") as opened:
        yield opened


def standing(labs: Registry) -> Claim:
    """Return a lab that stands, as far as anybody can see, and on whose socket nobody listens."""
    claim = labs.claim(begun("mine", "t", [], detached=True))
    claim.stand(["vsi-1"]).close()
    return claim


def test_a_lab_whose_socket_is_gone_is_not_said_to_end(labs: Registry) -> None:
    """It would go on until somebody ended it, which is what is said."""
    told = r"^the lab 'mine' cannot be reached \(No such file or directory\); pelab down mine ends it$"
    with standing(labs):
        (labs.path / "mine.sock").unlink()
        with pytest.raises(LiveError, match=told):
            Attached(labs, labs.find("mine"))


def test_a_lab_on_whose_socket_nobody_listens_is_ending(labs: Registry) -> None:
    """Its network process has ended already, and its keeper is about to."""
    with standing(labs), pytest.raises(LiveError, match="^the lab 'mine' is just ending$"):
        Attached(labs, labs.find("mine"))


def test_a_lab_that_was_taken_down_in_between_is_ending(labs: Registry) -> None:
    """It was found, and then it was gone."""
    with standing(labs):
        found = labs.find("mine")
    with pytest.raises(LiveError, match="^the lab 'mine' is just ending$"):
        Attached(labs, found)
