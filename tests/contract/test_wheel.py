"""The wheel brings its topologies and scenarios inside ``lab`` and claims no other name."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (made,) = folder.glob("*.whl")
    return made


def test_claims_one_import_name(wheel: Path) -> None:
    """Everything is inside ``lab`` or is metadata."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"lab"}


def test_brings_what_the_checkout_has(wheel: Path) -> None:
    """Each shipped topology and scenario is there, and so are the type marker and the package itself."""
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("topologies", "scenarios"):
        assert {f"lab/_shipped/{path.relative_to(ROOT)}" for path in (ROOT / kind).glob("*.py")} <= names
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "lab").rglob("*.py")} | {"lab/py.typed"} <= names


def test_installed_finds_them_by_name(wheel: Path, tmp_path: Path) -> None:
    """From the wheel, away from the checkout, a scenario plays in memory as in the checkout."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"import lab; assert lab.__file__.startswith({str(tmp_path)!r})\n"
        "from lab.cli.main import main; sys.exit(main(['play', 'first_private_call', '--memory']))"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
