"""Cover folders of the machine with empty ones, and keep the project visible where it lies in one of them.

Also a program: ``python covered.py FOLDER... -- COMMAND...`` covers in the mount namespace that it is started in, fills
the covers if ``FILL`` is in its environment, and becomes the command. Run it in a private mount namespace only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lab.kernel import namespaces as ns
from lab.net.hosts import bind

PROJECT = Path(__file__).resolve().parents[2]


def cover(*folders: str, options: str | None = None) -> None:
    """Mount an empty tmpfs over each folder; project and environment are shown again inside."""
    kept = {str(path): os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (PROJECT, Path(sys.prefix))}
    for folder in folders:
        ns.mount("covered", folder, "tmpfs", ns.NOSUID | ns.NODEV, options)
    for path, fd in kept.items():
        if not Path(path).exists():
            bind(fd, path)
        os.close(fd)


def fill(folder: str) -> None:
    """Use up what the cover of ``folder`` can hold: every byte, then every file."""
    try:
        for number in range(100):
            Path(folder, f"filler-{number}").write_bytes(bytes(4096))
    except OSError:
        return


if __name__ == "__main__":
    split = sys.argv.index("--")
    if "FILL" in os.environ:
        cover(*sys.argv[1:split], options="size=16k,nr_inodes=12")
        for each in sys.argv[1:split]:
            fill(each)
    else:
        cover(*sys.argv[1:split])
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])
