"""Run one function of a test module in private namespaces. A program for ``conftest.sandboxed``, not for import.

``python inside.py MODULE.py FUNCTION ARGUMENTS-AS-JSON RESULT-DESCRIPTOR``. Nothing that the function does to networks,
mounts or processes can be seen outside, and all of it ends with this process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from lab.kernel import namespaces as ns

CANNOT = 77
"""Exit status when this machine refuses the namespaces; the reason stands on stderr."""


def enter() -> None:
    """Enter new namespaces of every kind; returns in a child that is their first process."""
    try:
        if os.geteuid():
            ns.enter_user_namespace()
        ns.unshare(ns.NEWPID | ns.NEWNS | ns.NEWNET | ns.NEWIPC | ns.NEWUTS)
    except OSError as refused:
        print(refused, file=sys.stderr)
        os._exit(CANNOT)
    child = os.fork()
    if child:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    ns.parent_death_signal()
    ns.mount(None, "/", flags=ns.REC | ns.PRIVATE)
    ns.mount("proc", "/proc", "proc")
    ns.mount("run", "/run", "tmpfs", ns.NOSUID | ns.NODEV)
    # programs write histories and caches
    os.environ["HOME"] = "/run/home"
    Path("/run/home").mkdir()


def main(path: str, name: str, arguments: str, result: str) -> None:
    """Call the function and write what it returns."""
    enter()
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    returned = getattr(module, name)(*json.loads(arguments))
    with os.fdopen(int(result), "w") as out:
        json.dump(returned, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
