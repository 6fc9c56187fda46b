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
from tests.live.private_place import enter


def main(path: str, name: str, arguments: str, result: str) -> None:
    """Call the function and write what it returns."""
    enter()
    ns.mount("run", "/run", "tmpfs", ns.NOSUID | ns.NODEV)
    # programs write histories and caches
    os.environ["HOME"] = "/run/home"
    Path("/run/home").mkdir()
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
