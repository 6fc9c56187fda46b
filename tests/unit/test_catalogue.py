"""Finding and loading: by name, by path, from a project's own folders; and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import catalogue
from lab.errors import ModelError


def test_an_unknown_name_gets_the_nearest_one() -> None:
    """A typing error costs one look."""
    with pytest.raises(ModelError, match="no topology named 'single_acount'.*did you mean 'single_account'"):
        catalogue.load_topology("single_acount")
    with pytest.raises(ModelError, match="no scenario named 'first_private'.*did you mean 'first_private_call'"):
        catalogue.load_scenario("first_private")


def test_every_shipped_scenario_tells_its_story() -> None:
    """The list that people see is made of first lines of docstrings."""
    for entry in (*catalogue.scenarios(), *catalogue.topologies()):
        assert entry.summary.endswith("."), entry.name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import nowhere_to_be_found\n", r"broken\.py:1: does not import: ModuleNotFoundError"),
        ("x = 1\nraise RuntimeError('boom')\n", r"broken\.py:2: does not import: RuntimeError: boom"),
        ("def f(:\n", r"broken\.py:1: does not import: SyntaxError"),
        ("x = 1\n", r"broken\.py: holds (0 topologies|no SCENARIO)"),
    ],
    ids=["import-error", "raises", "syntax-error", "empty"],
)
@pytest.mark.parametrize("load", [catalogue.load_topology, catalogue.load_scenario], ids=["topology", "scenario"])
def test_a_file_that_does_not_load_is_told_with_its_line(tmp_path: Path, load: object, text: str, told: str) -> None:
    """The author gets file and line, not a traceback through our code."""
    path = tmp_path / "broken.py"
    path.write_text(text)
    with pytest.raises(ModelError, match=told):
        load(str(path))  # type: ignore[operator]


def test_a_project_brings_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders named in pyproject.toml are searched first, from any folder below it; edits count at once."""
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\ntopologies = ["mine"]\n')
    (tmp_path / "mine").mkdir()
    (tmp_path / "deep").mkdir()
    source = (
        '"""My own."""\nfrom lab import Builder, Topology, topology\n@topology\nclass Mine(Topology):\n'
        '    name_of: str = "one"\n    def build(self, b: Builder) -> None:\n        b.account(self.name_of)\n'
    )
    (tmp_path / "mine" / "own.py").write_text(source)
    monkeypatch.chdir(tmp_path / "deep")
    assert "own" in {entry.name for entry in catalogue.topologies()}
    assert list(catalogue.load_topology("own").world().accounts) == ["one"]
    (tmp_path / "mine" / "own.py").write_text(source.replace('"one"', '"another"'))
    assert list(catalogue.load_topology("own").world().accounts) == ["another"]


def test_a_missing_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that the settings name and that is not there is an error with the setting's place."""
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\nscenarios = ["nowhere"]\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"tool\.pelab\.scenarios: no folder 'nowhere'"):
        catalogue.scenarios()
