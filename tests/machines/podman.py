"""Podman with images, containers and settings of its own in a folder, none of the machine's."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.machines.clean_root import ROOT, CleanRoot, isolated

BASE: Final = "localhost/debian:12"
"""The image that is made of a clean Debian root: no registry is asked for one."""

LIMITS: Final = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
"""Enough for a lab, and no more than a machine allows on which podman's own defaults are refused."""


@dataclass(frozen=True, slots=True)
class Podman:
    """What is kept in ``folder``; ``runc`` runs containers, because crun refuses some arrangements of cgroups."""

    folder: Path

    def __call__(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run podman and wait for it and all that it started; it leaves nothing mounted."""
        kept = ["--root", self.folder / "kept", "--runroot", self.folder / "running", "--tmpdir", self.folder / "tmp"]
        command = ["podman", *kept, "--storage-driver", "overlay", "--runtime", "runc", *arguments]
        return isolated(["--mount-proc", *map(str, command)], os.environ)

    def build(self, debian: CleanRoot, tag: str) -> None:
        """Build docs/ci/Containerfile from this checkout on ``debian``, which becomes the image ``BASE``.

        Raises:
            RuntimeError: It could not be built; the text is podman's.
        """
        packed = self.folder / "debian.tar"
        subprocess.run(["tar", "-C", debian.path, "-cf", packed, "."], check=True)
        self._done(self("import", packed, BASE))
        packed.unlink()
        # chroot: a build needs the machine's network, and no namespaces of the build's own
        built = self(
            *("build", "--isolation", "chroot", "--layers=false", *LIMITS, "--build-arg", f"BASE={BASE}"),
            *("--tag", tag, "--file", ROOT / "docs/ci/Containerfile", ROOT),
        )
        self._done(built)

    @staticmethod
    def _done(ran: subprocess.CompletedProcess[str]) -> None:
        if ran.returncode:
            raise RuntimeError(f"podman ended with {ran.returncode}:\n{ran.stdout[-4000:]}{ran.stderr[-4000:]}")
