"""What the processes of a lab write to their standard output and error: kept, bounded, shown when something breaks.

It goes to nobody's terminal in passing, and needs no file and no reader.
"""

from __future__ import annotations

import fcntl
import os
import weakref
from typing import Final

_SIZE: Final = 256 * 1024


class LastWords:
    """A memfd that is the standard output and error of the lab's processes: bounded, shown when something breaks."""

    def __init__(self) -> None:
        """Make the file; its size is fixed, so a process that chatters cannot fill the memory."""
        self.fd = os.memfd_create("pelab errors", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.fd, _SIZE)
        fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)
        weakref.finalize(self, os.close, self.fd)

    def epitaph(self) -> str:
        """Return what is known about the end of the lab, once it has ended."""
        said = self.text()
        return f"the lab has ended; its last words:\n{said}" if said else "the lab has ended"

    def text(self) -> str:
        """Return what was written so far; at most the first 256 KiB."""
        return os.pread(self.fd, _SIZE, 0).partition(b"\0")[0].decode(errors="replace").strip()
