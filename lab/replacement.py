"""Files that commands write: there whole, or as they were; and whether one can be written is known at the beginning."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.errors import EnvironmentProblem, ModelError, PelabError, Problem

_PRIVATE = 0o600
_KEPT_IN_PLACE = frozenset({errno.EBUSY, errno.EPERM, errno.EXDEV})


class Replacement:
    """What takes the place of a file once ``commit`` is called; without that, the file is as it was.

    What is no file (a device, a pipe by name) is written to as it is. ``fd`` is where to write.
    """

    def __init__(self, name: str, *, private: bool = False) -> None:
        """Begin to replace the file called ``name``; its link's target where it is one.

        Args:
            name: A path.
            private: Nobody but the user may read it; else as the user's other files.

        Raises:
            ModelError: There is no such folder, or it is one.
            EnvironmentProblem: It cannot be written.
        """
        self.path, self._made, self._private = Path(os.path.realpath(name)), "", private
        try:
            if self.path.exists() and not self.path.is_file():
                self.fd = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
                return
            self.fd, self._made = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            os.fchmod(self.fd, _PRIVATE if private else self._usual())
        except OSError as error:
            raise self.failed(error) from error

    def write(self, text: str) -> None:
        """Write ``text``, and have it take the file's place."""
        try:
            with os.fdopen(os.dup(self.fd), "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise self.failed(error) from error
        self.commit()

    def commit(self) -> None:
        """Have what was written take the file's place.

        Where no other file may stand in that place (it is mounted there, or somebody else's), it is written to.
        """
        if not self._made:
            return
        try:
            Path(self._made).replace(self.path)
            self._made = ""
        except OSError as error:
            if error.errno not in _KEPT_IN_PLACE:
                raise self.failed(error) from error
            try:
                if self._private:
                    self.path.chmod(_PRIVATE)
                shutil.copyfile(self._made, self.path)
            except OSError as refused:
                raise self.failed(refused) from refused

    def failed(self, error: OSError | EnvironmentProblem) -> PelabError:
        """Return what is told of a file that cannot be written."""
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            return ModelError(Problem(where=str(self.path), text=f"there is no folder {self.path.parent}"))
        if isinstance(error, IsADirectoryError):
            return ModelError(Problem(where=str(self.path), text="is a folder", hint="name a file in it"))
        why = error.text if isinstance(error, EnvironmentProblem) else error.strerror
        folder = self.path.parent
        fix = f"df -h -i {folder}; free some space, or name another file"
        if isinstance(error, PermissionError):
            fix = f"ls -ld {folder}; name a file in a folder that you may write to"
        return EnvironmentProblem(f"{self.path} cannot be written: {why}", fix=fix)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing beside the file."""
        os.close(self.fd)
        if self._made:
            Path(self._made).unlink()

    def _usual(self) -> int:
        """Return the mode of the file that is replaced, or of a new one."""
        if self.path.exists():
            return self.path.stat().st_mode & 0o777
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
