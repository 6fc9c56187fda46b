"""A refused system call is explained by the setting behind it, with the command that mends it."""

from __future__ import annotations

import errno
import os
import resource
import sys

import pytest

from lab.kernel import limits
from lab.live import causes


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The machine's settings, as the test wants them."""
    made: dict[str, str] = {}
    monkeypatch.setattr(causes, "setting", made.get)
    return made


@pytest.mark.parametrize(
    ("number", "call", "name", "value", "fix"),
    [
        (errno.EPERM, "unshare(0x10000000)", "kernel/unprivileged_userns_clone", "0", "unprivileged_userns_clone=1"),
        (
            errno.EPERM,
            "mount(/)",
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "flags=(unconfined) { userns, }",
        ),
        (errno.ENOSPC, "unshare(0x10000000)", "user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
        (errno.ENOSPC, "unshare(0x40000000)", "user/max_net_namespaces", "9", "user.max_net_namespaces=10000"),
        (errno.EPERM, "mount(/proc)", "", "", "systempaths=unconfined"),
        (errno.EPERM, "unshare(0x10000000)", "", "", "seccomp=unconfined"),
        (errno.EMFILE, "memfd_create", "", "", "4096"),
        (errno.ENFILE, "memfd_create", "", "", "sudo sysctl -w fs.file-max="),
        (errno.EAGAIN, "fork", "", "", "ulimit -u"),
        (errno.ENOMEM, "fork", "", "", "memory"),
        (errno.ENOSPC, "mount(/run)", "", "", "df -h"),
        (errno.EINVAL, "unshare(0x10000000)", "", "", "CONFIG_USER_NS"),
        (errno.EIO, "something", "", "", "pelab doctor"),
    ],
)
def test_a_refusal_names_what_mends_it(
    settings: dict[str, str], number: int, call: str, name: str, value: str, fix: str
) -> None:
    """Whichever setting it is."""
    if name:
        settings[name] = value
    problem = causes.explain(OSError(number, f"{call}: refused"))
    assert fix in problem.fix
    assert call in problem.text


def test_a_python_that_may_not_be_run_is_told_as_that() -> None:
    """A virtual environment of somebody's own Python: no container and no setting is to blame."""
    problem = causes.explain(PermissionError(errno.EACCES, "Permission denied", sys.executable))
    assert problem.text == f"this user may not execute {sys.executable}"
    assert os.path.realpath(sys.executable) in problem.fix


def test_apparmor_is_told_of_one_program_and_not_switched_off(settings: dict[str, str]) -> None:
    """The profile is for the interpreter that runs labs, where AppArmor finds it: behind every link."""
    settings["kernel/apparmor_restrict_unprivileged_userns"] = "1"
    fix = causes.explain(OSError(errno.EACCES, "mount(/): refused")).fix
    assert f"profile pelab {os.path.realpath(sys.executable)} " in fix
    assert "apparmor_parser -r" in fix
    assert "sysctl" not in fix


def test_a_masked_proc_is_the_containers_whatever_its_host_has_switched(settings: dict[str, str]) -> None:
    """A container reads its host's switch, which is not what refuses /proc; and no capability is asked for."""
    settings["kernel/apparmor_restrict_unprivileged_userns"] = "1"
    fix = causes.explain(OSError(errno.EPERM, "mount(/proc): refused")).fix
    assert "podman run --security-opt unmask=ALL" in fix
    assert "--cap-add" not in fix


@pytest.mark.parametrize(
    ("hard", "user", "fix"),
    [
        (65536, 1000, "ulimit -n 4096"),
        (resource.RLIM_INFINITY, 1000, "ulimit -n 4096"),
        (1024, 1000, "sudo prlimit --pid $$ --nofile=4096"),
        (1024, 0, "ulimit -n 4096"),
    ],
)
def test_the_fix_for_too_few_open_files_is_one_that_works(
    monkeypatch: pytest.MonkeyPatch, hard: int, user: int, fix: str
) -> None:
    """Above the hard limit a shell's own command is refused to everybody but root."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, hard))
    monkeypatch.setattr("os.geteuid", lambda: user)
    assert limits.open_files() == fix


@pytest.mark.usefixtures("settings")
def test_every_refusal_has_a_fix() -> None:
    """A command or a sentence for each error number that there is, and never one that only looks."""
    for number in errno.errorcode:
        for call in ("mount(/proc)", "mount(/run)", "unshare(0x10000000)", "fork"):
            fix = causes.explain(OSError(number, f"{call}: refused")).fix
            assert len(fix.split()) >= 2
            assert not fix.startswith(("df ", "cat ", "sysctl "))
