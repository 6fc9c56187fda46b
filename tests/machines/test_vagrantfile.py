"""The Vagrantfile is one that Vagrant takes, for both providers, and hands the environment's mirrors on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.machines.clean_root import ROOT

FOUND = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}


def validate(folder: Path, provider: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Have Vagrant judge the Vagrantfile in ``folder`` for ``provider``; VirtualBox is a stub."""
    stub = home / "bin" / "VBoxManage"
    stub.parent.mkdir(parents=True, exist_ok=True)
    stub.write_text("#!/bin/sh\necho 7.0.20r163906\n")
    stub.chmod(0o755)
    environment = {
        **FOUND,
        "HOME": str(home),
        "VAGRANT_HOME": str(home / "vagrant"),
        "VAGRANT_DEFAULT_PROVIDER": provider,
    }
    environment["PATH"] = f"{stub.parent}:{environment['PATH']}"
    return subprocess.run(
        ["vagrant", "validate"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def evaluated(**environment: str) -> dict[str, Any]:
    """Return what the Vagrantfile sets in that environment."""
    program = ROOT / "tests/machines/vagrantfile.rb"
    found = subprocess.run(["ruby", program], env={**FOUND, **environment}, capture_output=True, text=True, check=True)
    return dict(json.loads(found.stdout))


@pytest.mark.parametrize("provider", ["libvirt", "virtualbox"])
def test_vagrant_takes_it(provider: str, tmp_path: Path) -> None:
    """And refuses a setting that the provider does not know, so that it did look."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in ("Vagrantfile", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    good = validate(folder, provider, tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    file = folder / "Vagrantfile"
    file.write_text(file.read_text().replace(".cpus = 2", ".cpuz = 2"))
    assert "cpuz" in (bad := validate(folder, provider, tmp_path)).stdout + bad.stderr
    assert bad.returncode != 0


def test_proxies_and_mirrors_are_handed_on() -> None:
    """Each under its own name, in capital letters or not, and what is not set is not handed on."""
    names = (
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "APT_MIRROR",
        "APT_SECURITY_MIRROR",
        "PIP_INDEX_URL",
        "PIP_TRUSTED_HOST",
    )
    given = {name: f"http://{name}.example" for name in names}
    assert evaluated(**given)["vm.provision.shell.env"] == given
    capital = {"HTTPS_PROXY": "http://proxy.example", "http_proxy": ""}
    assert evaluated(**capital)["vm.provision.shell.env"] == {"https_proxy": "http://proxy.example"}


def test_provisioning_is_the_script_that_is_tried() -> None:
    """The whole, or without the suite; and the copy has nothing that git does not know."""
    seen = evaluated()
    assert seen["vm.provision.shell.inline"].split() == ["exec", "/vagrant/bin/provision"]
    assert evaluated(PELAB_WITHOUT_TESTS="1")["vm.provision.shell.inline"].split()[2:] == ["--without-tests"]
    assert {".git/", ".venv/", ".vagrant/"} <= set(seen["vm.synced_folder...rsync__exclude"])
    assert (
        evaluated(PELAB_BOX="mine")["vm.box"]
        == evaluated(PELAB_BOX="mine")["vm.provider.libvirt.override.vm.box"]
        == "mine"
    )
