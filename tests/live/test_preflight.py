"""What the check-up says is what a lab would meet, and every gap comes with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lab.live import preflight
from lab.live.lab import Nursery
from lab.live.residue import compare, snapshot

pytestmark = pytest.mark.live

KERNEL = ("namespaces of its own", "a /proc of its own", "a network of its own", "files of its own", "veth")


def test_a_machine_that_runs_labs_is_found_able() -> None:
    """And trying it leaves nothing: no link, no mount, no file."""
    before = snapshot()
    found = preflight.checks()
    after = snapshot()
    made = Nursery.start()
    with made.lab() as lab:
        lab.ping()
    made.close()
    assert [check for check in found if not check.ok] == []
    assert {check.fix for check in found} == {""}
    changes = [thing for thing in compare(before, after) if thing.section in {"links", "mounts", "sysctls", "routes"}]
    assert changes == []


def test_what_is_missing_is_said_with_its_fix(sandboxed: Callable[..., Any]) -> None:
    """What could not be tried because of it is not called able."""
    found = {check["name"]: check for check in sandboxed(checks_without_networks)}
    assert found["a /proc of its own"]["ok"]
    for name in ("namespaces", "a network of its own"):
        assert not found[name]["ok"]
        assert "user.max_net_namespaces is 0" in found[name]["detail"]
        assert found[name]["fix"] == "sudo sysctl -w user.max_net_namespaces=10000"
    assert (found["veth"]["ok"], found["veth"]["detail"]) == (False, "not tried")


def checks_without_networks() -> list[dict[str, Any]]:
    """Forbid network namespaces in a user namespace of our own, and return what the check-up says then."""
    from lab.kernel import namespaces as ns

    ns.enter_user_namespace()
    Path("/proc/sys/user/max_net_namespaces").write_text("0", encoding="ascii")
    return [asdict(check) for check in preflight.checks()]
