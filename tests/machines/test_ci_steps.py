"""What the CI recipes give to a shell does what they promise, on a clean Debian, in the page's project."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import pages, recipes
from tests.machines.clean_root import CHECKOUT, CleanRoot

FRAMES = "build/frames/tests/test_keys.py/test_payments_reach_them_and_send_nothing_public.pcapng"


@pytest.fixture(scope="module")
def runner(debian: CleanRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CleanRoot]:
    """A clean Debian with the project of docs/ci.md in ``/project``, and a wheel where the recipes look for it."""
    with debian.copied(tmp_path_factory.mktemp("runner") / "root") as made:
        pages.write("docs/ci.md", made.path / "project")
        vendor = str(made.path / "project/vendor")
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", vendor]
        subprocess.run(command, cwd=pages.ROOT, capture_output=True, check=True)
        yield made


def step(runner: CleanRoot, text: str, user: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one step as a runner does: a new shell in the project, which ends at the first failure."""
    return runner.run("bash", "-e", "-o", "pipefail", "-c", f"cd /project\n{text}", user=user, environment=variables)


# in this order: GitLab's recipe begins with the image debian:12, GitHub's with a machine that has Python
@pytest.mark.parametrize(
    ("recipe", "user"), [(recipes.GITLAB, "root"), (recipes.GITHUB, CHECKOUT)], ids=["gitlab", "github"]
)
def test_the_steps_pass_and_keep_what_was_measured(recipe: Path, user: str, runner: CleanRoot) -> None:
    """And with the public door opened the last one is red, says what differs, and keeps it too."""
    runner.run("rm", "-rf", "/project/.venv", "/project/build").check_returncode()
    runner.run("chown", "-R", f"{user}:", "/project").check_returncode()
    variables = recipes.variables(recipe)
    text = ""
    for text in recipes.steps(recipe):
        done = step(runner, text, user, variables)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    project = runner.path / "project"
    assert 'name="pelab.1.measured" value="unauthorized' in (project / "build/junit.xml").read_text()
    assert (project / FRAMES).stat().st_size > 0
    topology = project / "topologies/production.py"
    stated = topology.read_text()
    topology.write_text(stated.replace('= "private-only"', "= None"))
    (project / "build/junit.xml").unlink()
    red = step(runner, text, user, variables)
    topology.write_text(stated)
    assert red.returncode == 1, red.stdout + red.stderr
    assert "1 failed, 1 passed" in red.stdout
    assert 'value="diverged"' in (project / "build/junit.xml").read_text()
