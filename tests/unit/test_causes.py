"""A refused system call is explained by the setting behind it, with the command that mends it."""

from __future__ import annotations

import errno

import pytest

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
            "apparmor_restrict_unprivileged_userns=0",
        ),
        (errno.ENOSPC, "unshare(0x10000000)", "user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
        (errno.ENOSPC, "unshare(0x40000000)", "user/max_net_namespaces", "9", "user.max_net_namespaces=10000"),
        (errno.EPERM, "mount(/proc)", "", "", "systempaths=unconfined"),
        (errno.EPERM, "unshare(0x10000000)", "", "", "seccomp=unconfined"),
        (errno.EMFILE, "memfd_create", "", "", "ulimit -n"),
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
