"""A stranger's project: a fresh environment in another folder, the wheel, and tests of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import pages

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
CLIENT = '''
"""Lists the keys over the private endpoint, with a token from where IAM_URL says."""

import json
import os
import urllib.parse
import urllib.request

grant = {"grant_type": "urn:ibm:params:oauth:grant-type:apikey", "apikey": os.environ["IBMCLOUD_API_KEY"]}
form = urllib.parse.urlencode(grant).encode()
with urllib.request.urlopen(os.environ["IAM_URL"] + "/identity/token", form, timeout=10) as answer:
    token = json.load(answer)["access_token"]
headers = {"Authorization": f"Bearer {token}", "Bluemix-Instance": os.environ["KP_INSTANCE_ID"]}
listing = urllib.request.Request(os.environ["PELAB_KMS_PRIVATE"] + "/api/v2/keys", headers=headers)
with urllib.request.urlopen(listing, timeout=10) as answer:
    print(json.load(answer)["metadata"]["collectionTotal"])
'''


def done(folder: Path, *command: str | Path, status: int = 0) -> str:
    """Run a program as somebody who knows nothing of this checkout, and return what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    ran = subprocess.run(
        list(map(str, command)),
        cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert ran.returncode == status, f"{' '.join(map(str, command))}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the programs of a fresh environment into which the wheel was installed, with what it needs."""
    folder = tmp_path_factory.mktemp("environment")
    done(ROOT, sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder)
    (wheel,) = folder.glob("*.whl")
    # the versions that everything is tested with; pip takes no digests here, because the wheel has none in the lock
    versions = re.findall(r"^([\w.-]+==[^\s;\\]+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "versions.txt").write_text("\n".join(versions))
    done(folder, sys.executable, "-m", "venv", "made")
    pip = (folder / "made" / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "-q")
    try:
        done(folder, *pip, "download", "--no-deps", next(one for one in versions if one.startswith("click==")))
    except (AssertionError, subprocess.TimeoutExpired) as error:
        pytest.fail(f"no package index can be reached, and none of this can be tried: {error}")
    done(folder, *pip, "install", "-c", "versions.txt", wheel, "pytest-xdist", "coverage")
    return folder / "made" / "bin"


def test_the_readmes_own_test_passes(programs: Path, tmp_path: Path) -> None:
    """As it stands in the README, in a folder with nothing but it and the client that it runs."""
    (example,) = (block.text for block in pages.blocks("README.md") if "def test_my_client" in block.text)
    (tmp_path / "test_mine.py").write_text(example)
    (tmp_path / "my_client.py").write_text(CLIENT)
    where = done(tmp_path, programs / "python", "-c", "import lab; print(lab.__file__)").strip()
    assert programs.parent in Path(where).parents, "the wheel's, not the checkout's"
    assert "1 passed" in done(tmp_path, programs / "pytest", "--live", "-W", "error")
    said = done(tmp_path, programs / "pytest")
    assert "1 skipped" in said
    assert "1 test left out: only a network can do what is asked" in said
    # and the same test goes red for a client that asks IAM's public endpoint
    (tmp_path / "my_client.py").write_text(CLIENT.replace('os.environ["IAM_URL"]', 'os.environ["PELAB_IAM_PUBLIC"]'))
    said = done(tmp_path, programs / "pytest", "--live", status=1)
    assert "stated no-public-packets, measured" in said
    assert "asks for iam.cloud.ibm.com" in said


def test_a_project_of_their_own_passes(programs: Path, tmp_path: Path) -> None:
    """Their topologies, scenarios, clients and conftest: without a network, with workers, and under coverage."""
    pages.write("docs/your-own-project.md", tmp_path)
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef shop(lab):\n    return lab.host('bakery-vsi')\n"
    )
    (tmp_path / "tests" / "test_conftest.py").write_text(
        "import pytest\n\n\n@pytest.mark.topology('shops')\ndef test_shop(shop):\n    assert shop.private_gateway\n"
    )
    said = done(tmp_path, programs / "pytest")
    assert "6 passed, 1 skipped" in said
    assert "pelab: not measured" in said
    assert "7 passed" in done(tmp_path, programs / "pytest", "--live", "-n", "auto")
    assert "7 passed" in done(tmp_path, programs / "coverage", "run", "--source=.", "-m", "pytest", "--live")
    assert "topologies/shops.py" in done(tmp_path, programs / "coverage", "report")
