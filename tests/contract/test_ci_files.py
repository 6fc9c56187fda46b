"""The recipes for continuous integration are files that GitHub and GitLab take, and do the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.pages import ROOT
from tests.contract.recipes import GITHUB, GITLAB, commands

SCHEMAS = {GITHUB: "vendor.github-workflows", GITLAB: "vendor.gitlab-ci"}


def judged(recipe: Path, schema: str) -> subprocess.CompletedProcess[str]:
    """Have a recipe judged by the schema that is published for it."""
    options = ["--builtin-schema", schema]
    if recipe.name == GITLAB.name:
        options += ["--data-transform", "gitlab-ci"]
    judge = Path(sys.executable).parent / "check-jsonschema"
    return subprocess.run([judge, *options, recipe], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("recipe", SCHEMAS, ids=lambda recipe: recipe.name)
def test_a_recipe_agrees_with_the_published_schema(recipe: Path) -> None:
    """A key that GitHub or GitLab does not know would be an error on the first push."""
    found = judged(recipe, SCHEMAS[recipe])
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("recipe", SCHEMAS, ids=lambda recipe: recipe.name)
def test_a_misspelt_key_is_told(recipe: Path, tmp_path: Path) -> None:
    """The schemas do judge."""
    broken = tmp_path / recipe.name
    broken.write_text(
        recipe.read_text().replace("      - name: Say", "      - nam: Say").replace("artifacts:", "artefacts:")
    )
    assert judged(broken, SCHEMAS[recipe]).returncode == 1


def test_both_do_the_same() -> None:
    """A project may move from one to the other: but for the system's part, the commands are equal."""
    ours = [line for line in commands(GITHUB) if "apparmor" not in line]
    assert ours == [line for line in commands(GITLAB) if not line.startswith("apt-get")]


def test_the_profile_is_the_one_that_doctor_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever compares the recipe, the page and the doctor's fix finds one line."""
    from lab.live import causes

    monkeypatch.setattr(causes, "setting", {"kernel/apparmor_restrict_unprivileged_userns": "1"}.get)
    monkeypatch.setattr("os.path.realpath", lambda _: "/usr/bin/python3.12")
    found = causes.switched_off()
    assert found is not None
    assert found[1] in (ROOT / "docs/ci.md").read_text()
    profile = found[1].split("'")[1].replace("/usr/bin/python3.12", "$(readlink -f .venv/bin/python)")
    assert profile in GITHUB.read_text()
