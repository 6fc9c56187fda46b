"""The Containerfile is built on a clean Debian root, and its ordinary user plays labs without any capability."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.clean_root import CleanRoot, removed
from tests.machines.podman import LIMITS, Podman

TAG = "localhost/pelab"
UNMASKED = ("--security-opt", "unmask=ALL")


@pytest.fixture(scope="module")
def podman(debian: CleanRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman with the image built."""
    with removed(tmp_path_factory.mktemp("podman")) as folder:
        made = Podman(folder)
        made.build(debian, TAG)
        yield made


def run(podman: Podman, *options: str, command: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run a command in a container without a network, as the page says; by default the image's own."""
    return podman("run", "--rm", "--network", "none", *LIMITS, *options, TAG, *command)


def test_the_demo_agrees_without_capabilities(podman: Podman) -> None:
    """As an ordinary user, under seccomp, with no capability to get and no way to get one."""
    bare = (*UNMASKED, "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    played = run(podman, *bare)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "agreed (three voices" in played.stdout
    state = run(podman, *bare, command=("grep", "-E", "^(Uid|CapBnd|NoNewPrivs|Seccomp):", "/proc/self/status")).stdout
    user, *rest = (line.split()[1] for line in state.splitlines())
    assert user != "0"
    assert rest == ["0" * 16, "1", "2"]


def test_a_masked_proc_is_refused_with_the_words_that_mend_it(podman: Podman) -> None:
    """Status 3, and the option that the test above was given."""
    refused = run(podman, command=("pelab", "doctor"))
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "mount(/proc)" in refused.stdout
    assert "podman run --security-opt unmask=ALL" in refused.stdout


def test_a_projects_tests_run_in_it(podman: Podman, tmp_path: Path) -> None:
    """Its folder is mounted as the page says, and the tests of that page pass on a live network."""
    from tests.contract import pages

    pages.write("docs/ci.md", tmp_path)
    tmp_path.chmod(0o755)
    mounted = ("-v", f"{tmp_path}:/project", "-w", "/project")
    tested = run(podman, *UNMASKED, *mounted, command=("pytest", "--live", "-p", "no:cacheprovider"))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "2 passed" in tested.stdout


def test_programs_run_in_hosts_of_it(podman: Podman) -> None:
    """With the host's own files, though the container's filter of calls keeps `sethostname` from the lab."""
    told = run(podman, *UNMASKED, command=("pelab", "run", "single_account", "vsi-1", "--", "cat", "/etc/hostname"))
    assert (told.returncode, told.stdout) == (0, "vsi-1\n"), told.stderr
