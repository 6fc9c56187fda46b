"""Podman with images, containers and settings of its own in a folder, none of the machine's."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from tests.machines.clean_root import ROOT, CleanRoot

_PATIENCE_S: Final = 1200
BASE: Final = "localhost/debian:12"
"""The image that is made of a clean Debian root: no registry is asked for one."""

LIMITS: Final = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")
"""Enough for a lab, and no more than a machine allows on which podman's own defaults are refused."""


@dataclass(frozen=True, slots=True)
class Podman:
    """What is kept in ``folder``; ``runc`` runs containers, because crun refuses some arrangements of cgroups."""

    folder: Path

    def __call__(self, *arguments: str | Path, stdin: IO[bytes] | None = None) -> subprocess.CompletedProcess[str]:
        """Run podman and wait for it."""
        kept = ["--root", self.folder / "kept", "--runroot", self.folder / "running", "--tmpdir", self.folder / "tmp"]
        command = ["podman", *kept, "--storage-driver", "overlay", "--runtime", "runc", *arguments]
        return subprocess.run(
            list(map(str, command)), stdin=stdin, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
        )

    def build(self, debian: CleanRoot, tag: str) -> None:
        """Build docs/ci/Containerfile from this checkout on ``debian``, which becomes the image ``BASE``.

        Raises:
            RuntimeError: It could not be built; the text is podman's.
        """
        with subprocess.Popen(["tar", "-C", debian.path, "-c", "."], stdout=subprocess.PIPE) as packed:
            self._done(self("import", "-", BASE, stdin=packed.stdout))
        # chroot: a build needs the machine's network, and no namespaces of the build's own
        built = self(
            *("build", "--isolation", "chroot", "--layers=false", *LIMITS, "--build-arg", f"BASE={BASE}"),
            *("--tag", tag, "--file", ROOT / "docs/ci/Containerfile", ROOT),
        )
        self._done(built)

    def close(self) -> None:
        """Leave nothing in the folder, nor mounted below it."""
        self("rm", "--all", "--force")
        self("unmount", "--all", "--force")
        subprocess.run(["umount", "--quiet", self.folder / "kept" / "overlay"], check=False)
        shutil.rmtree(self.folder)

    @staticmethod
    def _done(ran: subprocess.CompletedProcess[str]) -> None:
        if ran.returncode:
            raise RuntimeError(f"podman ended with {ran.returncode}:\n{ran.stdout[-4000:]}{ran.stderr[-4000:]}")
