"""bin/provision makes a clean Debian 12 ready, behind nothing but a proxy, and a second run changes nothing."""

from __future__ import annotations

import subprocess

import pytest

from tests.machines import inventory
from tests.machines.clean_root import CleanRoot
from tests.machines.way_out import way_out

PROVISION = "/vagrant/bin/provision"


def check(ran: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said; it must have ended with 0."""
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    return ran.stdout


def test_twice_is_once(machine: CleanRoot) -> None:
    """First a proxy is the only way out, to mirrors of other names; then there is none, and nothing differs."""
    with way_out() as out:
        said = check(machine.run(PROVISION, "--without-tests", network=out.network, environment=out.environment))
        names = {url.split("/")[2] if "://" in url else url for url in out.asked}
        assert "agreed (three voices" in said
        assert names == {"debian.test", "index.test", "files.pythonhosted.org:443"}
        first, asked = inventory.take(machine.path), len(out.asked)
        assert "package make" in first
        assert "file /vagrant/.venv/bin/pelab" in first
        said = check(machine.run(PROVISION, "--without-tests", network=out.network))
        assert "agreed (three voices" in said
        assert len(out.asked) == asked
    assert inventory.differences(first, inventory.take(machine.path)) == []
    # the inventory does see: a mode, a byte
    (machine.path / "etc/issue").chmod(0o600)
    (machine.path / "vagrant/README.md").write_text("another")
    changed = inventory.differences(first, inventory.take(machine.path))
    assert [line.split(":")[0] for line in changed] == ["file /etc/issue", "file /vagrant/README.md"]


def test_whole_suite(machine: CleanRoot) -> None:
    """Without an argument the suite runs as well, as the checkout's owner, and passes."""
    said = check(machine.run(PROVISION))
    assert " passed" in said
    assert " failed" not in said


@pytest.mark.parametrize(
    ("arguments", "environment", "text"),
    [
        (("--without-test",), {}, "provision: --without-test: there is only --without-tests"),
        ((), {"APT_MIRROR": "mirror.example"}, "provision: mirror.example: no address of a mirror"),
        ((), {"APT_MIRROR": "http://a,b/debian"}, "provision: http://a,b/debian: no address of a mirror"),
    ],
)
def test_bad_input_is_one_line(
    untouched: CleanRoot, arguments: tuple[str, ...], environment: dict[str, str], text: str
) -> None:
    """With status 2, before anything is changed."""
    before = inventory.take(untouched.path)
    ran = untouched.run(PROVISION, *arguments, environment=environment)
    assert ran.returncode == 2
    assert ran.stderr.startswith(text)
    assert ran.stderr.count("\n") == 1
    assert inventory.differences(before, inventory.take(untouched.path)) == []


def test_others_than_root_are_told_what_to_type(untouched: CleanRoot) -> None:
    """Status 3 and the command."""
    ran = untouched.run(PROVISION, user="vagrant")
    assert (ran.returncode, ran.stderr) == (3, f"provision: only root may install packages: sudo {PROVISION}\n")


def test_every_form_of_sources_gets_the_mirror_once(machine: CleanRoot) -> None:
    """Old lists, new ones and the cloud images' own; Debian's addresses only, the security archive beside the other."""
    apt = machine.path / "etc/apt"
    (apt / "mirrors").mkdir()
    (apt / "sources.list").write_text(
        "deb https://deb.debian.org/debian bookworm main\ndeb http://security.debian.org/debian-security other main\n"
    )
    (apt / "sources.list.d/debian.sources").write_text(
        "Types: deb\nURIs: http://deb.debian.org/debian/\nSuites: bookworm\nComponents: main\n"
    )
    (apt / "mirrors/debian-security.list").write_text("https://deb.debian.org/debian-security\n")
    (apt / "sources.list.d/ours.list").write_text("deb http://apt.example/debian bookworm main\n")
    mirror = {"APT_MIRROR": "http://mirror.example/debian/"}
    with way_out() as out:
        for _ in range(2):
            # neither mirror is there, so that it ends when it wants the first package
            ran = machine.run(PROVISION, network=out.network, environment=mirror)
            assert ran.returncode == 3
            assert "mirror.example" in ran.stderr
    assert (apt / "sources.list").read_text() == (
        "deb http://mirror.example/debian bookworm main\ndeb http://mirror.example/debian-security other main\n"
    )
    assert "URIs: http://mirror.example/debian\n" in (apt / "sources.list.d/debian.sources").read_text()
    assert (apt / "mirrors/debian-security.list").read_text() == "http://mirror.example/debian-security\n"
    assert "apt.example" in (apt / "sources.list.d/ours.list").read_text()
