"""Finding and loading: by name, by path, from a project's own folders; and files that are wrong."""

from __future__ import annotations

from collections.abc import Callable
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


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('[tool.pelab]\ntopology = ["mine"]\n', r"tool\.pelab\.topology: no such setting \(did you mean 'topologies'"),
        ('[tool.pelab]\nscenarios = "mine"\n', r"tool\.pelab\.scenarios: 'mine' is no list of folders"),
        ("[tool.pelab]\nscenarios = [1]\n", r"tool\.pelab\.scenarios: \[1\] is no list of folders"),
        ("[tool]\npelab = 1\n", r"tool\.pelab: 1 is no table"),
        ("[tool.pelab\n", r"pyproject\.toml: cannot be read: "),
        ("\udcff", r"pyproject\.toml: cannot be read: "),
    ],
)
def test_wrong_settings_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, told: str) -> None:
    """An unknown key is not passed over, a text is no list of letters."""
    (tmp_path / "pyproject.toml").write_text(settings, errors="surrogateescape")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=told) as caught:
        catalogue.topologies()
    assert len(str(caught.value).splitlines()) == 1


def test_a_project_that_says_nothing_of_pelab_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are those of the nearest project that has some."""
    (tmp_path / "pyproject.toml").write_text('[tool.pelab]\ntopologies = ["mine"]\n')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "own.py").write_text('"""My own."""\n')
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "pyproject.toml").write_text("[project]\nname = 'part'\n")
    monkeypatch.chdir(tmp_path / "part")
    assert "own" in {entry.name for entry in catalogue.topologies()}


def test_a_file_by_path_belongs_to_its_own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The topology that it names is looked for beside it, not where its player happens to stand."""
    home = tmp_path / "home"
    for folder in (home / "topologies", home / "scenarios", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    (home / "pyproject.toml").write_text('[tool.pelab]\ntopologies = ["topologies"]\n')
    (home / "topologies" / "own.py").write_text(
        '"""My own."""\nfrom lab import Builder, Topology, topology\n@topology\nclass Mine(Topology):\n'
        '    def build(self, b: Builder) -> None:\n        b.account("mine")\n'
    )
    (home / "scenarios" / "mine.py").write_text(
        '"""Mine."""\nfrom lab import EnableVrf, Outcome, Scenario, Step, topology\nSCENARIO = Scenario(\n'
        '    topology=topology("own"), steps=(Step("on", EnableVrf(account="mine"), Outcome.DONE),))\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    scenario = catalogue.load_scenario("../home/scenarios/mine.py")
    assert list(catalogue.world_of(scenario).accounts) == ["mine"]


def test_a_broken_package_is_named_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another package brings and cannot be found keeps nobody from the rest."""
    (tmp_path / "bursting.py").write_text("raise RuntimeError('boom')\n")
    info = tmp_path / "acme_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pelab.topologies]\ngone = nowhere_to_be_found\nburst = bursting.network\nwrong = a b!\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    found = {entry.name: entry for entry in catalogue.topologies()}
    assert found["single_account"].broken == ""
    assert found["gone"].summary == (
        "(broken: acme-lab brings it as 'nowhere_to_be_found', which is no module that can be found)"
    )
    assert "RuntimeError: boom" in found["burst"].summary
    assert "acme-lab" in found["wrong"].summary
    assert catalogue.load_topology("single_account").world().accounts
    with pytest.raises(ModelError, match=r"topology burst: acme-lab brings it as .*boom"):
        catalogue.load_topology("burst")


@pytest.mark.parametrize(
    ("load", "name", "hint"),
    [
        (catalogue.load_scenario, "single_account", "it is a topology: pelab graph single_account"),
        (catalogue.load_topology, "first_private_call", "it is a scenario: pelab play first_private_call"),
    ],
)
def test_a_name_of_the_other_kind_is_told(load: Callable[[str], object], name: str, hint: str) -> None:
    """Who mistakes one for the other is told which it is, and the command for it."""
    with pytest.raises(ModelError, match=hint):
        load(name)
