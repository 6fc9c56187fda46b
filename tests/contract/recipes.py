"""The recipes in docs/ci, and the commands in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from tests.contract.pages import ROOT

GITHUB: Final = ROOT / "docs/ci/github.yml"
GITLAB: Final = ROOT / "docs/ci/gitlab-ci.yml"


def steps(recipe: Path) -> list[str]:
    """Return what the recipe gives to a shell, step by step; steps that are GitHub's own actions are left out."""
    (job,) = _jobs(recipe)
    if recipe == GITHUB:
        return [step["run"].strip() for step in job["steps"] if "run" in step]
    return [*job["before_script"], *job["script"]]


def commands(recipe: Path) -> list[str]:
    """Return the recipe's commands; a condition with what depends on it is one."""
    lines: list[str] = []
    for step in steps(recipe):
        lines += [step] if step.startswith("if ") else step.splitlines()
    return lines


def variables(recipe: Path) -> dict[str, str]:
    """Return the environment that the recipe sets."""
    (job,) = _jobs(recipe)
    return dict(job["env"] if recipe == GITHUB else job["variables"])


def _jobs(recipe: Path) -> list[dict[str, Any]]:
    """Return the recipe's jobs."""
    document = YAML(typ="safe").load(recipe)
    return list((document["jobs"] if recipe == GITHUB else document).values())
