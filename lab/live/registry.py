"""Which labs this user has up, by name: a private folder with a file and a socket for each.

Whoever keeps a lab holds a lock on its file (``lab.live.locks``), so the kernel says whether it is there: the lock ends
with the process, however that ends. A file whose lock nobody holds is stale. It starts and ends no lab
(``lab.live.keeper`` does).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from lab.errors import EnvironmentProblem, ModelError, Problem, nearest
from lab.live.claim import Claim, put
from lab.live.entry import NAME, Entry, check_name, written
from lab.live.locks import held, hold, turn

_FILE, _SOCKET = ".lab", ".sock"
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
# a folder, a link, something of a device's kind, a file that its owner may not open
_STRANGE: Final = {errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EACCES}
# what people have open at once, in a line
_SHOWN: Final = 8


def place() -> Path:
    """Return the folder of this user's labs: in ``XDG_RUNTIME_DIR`` if that is this user's, else in /tmp."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    with contextlib.suppress(OSError):
        if given.startswith("/") and Path(given).stat().st_uid == os.geteuid():
            return Path(given, "pelab")
    return Path(f"/tmp/pelab-{os.geteuid()}")  # noqa: S108 - made private, and looked at before it is trusted


class Taken(ModelError):
    """A lab of this name is up."""


class Registry:
    """The labs of this user."""

    def __init__(self, path: Path | None = None) -> None:
        """Open the folder, made if it is missing, and make sure that it is this user's alone.

        Raises:
            EnvironmentProblem: It cannot be made, or others could have put something in it.
        """
        self.path = path or place()
        another = "or set XDG_RUNTIME_DIR to a folder of yours with mode 0700"
        try:
            with contextlib.suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
            self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            text = f"labs are written down in {self.path}, which cannot be: {error.strerror}"
            fix = f"df -h {self.path.parent}; free some space" if error.errno in _FULL else f"rm {self.path}"
            raise EnvironmentProblem(text, fix=f"{fix}, {another}") from error
        found = os.fstat(self._fd)
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
            os.close(self._fd)
            text = f"{self.path} is not this user's alone: owner {found.st_uid}, mode {stat.S_IMODE(found.st_mode):04o}"
            raise EnvironmentProblem(text, fix=f"rm -r {self.path}, {another}")

    def __enter__(self) -> Self:
        """Return the registry."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the folder."""
        os.close(self._fd)

    def labs(self) -> list[Entry]:
        """Return every lab that is kept, sorted by name."""
        return [entry for name in self._names() if (entry := self.read(name)) is not None and not entry.ended]

    def clean(self) -> list[Entry]:
        """Remove what labs left that have ended without being taken down, and return it."""
        return [gone for name in self._names() if (gone := self._swept(name)) is not None]

    def read(self, name: str) -> Entry | None:
        """Return what is written of a lab; with ``ended`` when nobody keeps it any more, None if there is nothing."""
        if (fd := self._open(name)) is None:
            return None
        try:
            with turn(fd, reading=True):
                entry = written(fd, name)
                return entry if held(fd) else _over(entry)
        finally:
            os.close(fd)

    def find(self, name: str | None) -> Entry:
        """Return the lab called ``name``; of None, the only one.

        Raises:
            ModelError: There is none, or several.
        """
        labs = self.labs()
        names = [entry.name for entry in labs]
        for entry in labs:
            if entry.name == name or (name is None and len(labs) == 1):
                return entry
        if not labs:
            text = f"no lab named {name!r} is up, and no other" if name else "no lab is up"
            raise ModelError(Problem(where="lab", text=text, hint="pelab up -d TOPOLOGY brings one up"))
        if name is None:
            raise ModelError(Problem(where="lab", text=f"{len(labs)} labs are up", hint=f"name one: {_some(names)}"))
        hint = nearest(name, names) or f"there are: {_some(names)}"
        raise ModelError(Problem(where="lab", text=f"no lab named {name!r} is up", hint=hint))

    def connect(self, name: str) -> socket.socket:
        """Return a socket to the lab; OSError if nobody listens."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            sock.connect(self._socket(name))
        except BaseException:
            sock.close()
            raise
        return sock

    def claim(self, entry: Entry) -> Claim:
        """Take the name for a lab that this process will keep.

        Raises:
            ModelError: It is no name; ``Taken``: it is another's.
            EnvironmentProblem: There is no room to write it down, or something else is in its place.
        """
        check_name(entry.name)
        while True:
            fd = self._open(entry.name, os.O_CREAT)
            assert fd is not None, "it is made where it is missing"
            with contextlib.ExitStack() as failed:
                failed.callback(self.release, entry.name, fd)
                with turn(fd):
                    if not self._is(fd, entry.name):
                        continue  # somebody has just swept it
                    if held(fd):
                        hint = f"pelab down {entry.name}, or another name: --name NAME"
                        raise Taken(Problem(where=f"lab {entry.name}", text="a lab of this name is up", hint=hint))
                    try:
                        self._unlink(entry.name + _SOCKET)
                        put(fd, entry)
                        hold(fd)  # now, so that a lab which is kept never says less
                    except OSError as error:
                        raise self.full(error) from error
                failed.pop_all()
                return Claim(self, fd, entry)

    def still_found(self, name: str, fd: int) -> bool:
        """Tell whether the file behind ``fd`` and a socket stand under this path; show both used.

        Folders vanish at logout, and what was not used for days may be cleaned away.
        """
        file = self.path / (name + _FILE)
        try:
            if not os.path.samestat(file.stat(follow_symlinks=False), os.fstat(fd)):
                return False
            os.utime(file)
            os.utime(self.path / (name + _SOCKET))
        except OSError:
            return False
        return True

    def listen(self, name: str) -> socket.socket:
        """Return a socket that others find by ``name``."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        before = os.umask(0o177)
        try:
            sock.bind(self._socket(name))
            sock.listen(64)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise self.full(error) from error
            raise
        finally:
            os.umask(before)
        return sock

    def release(self, name: str, fd: int, *, missing: bool = False) -> None:
        """Give a name up, and its file ``fd``: nothing stays of it but what is another's by now.

        With ``missing`` also where the file is gone: whoever kept the lab has a socket beside it.
        """
        try:
            with turn(fd):
                # a lock of one's own does not show
                if not held(fd) and self._is(fd, name, missing=missing):
                    self._remove(name)
        finally:
            os.close(fd)

    def full(self, error: OSError) -> EnvironmentProblem:
        """Return the problem of a lab that cannot be written down."""
        text = f"the lab cannot be written down in {self.path}: {error.strerror}"
        return EnvironmentProblem(text, fix=f"df -h -i {self.path}; free some space, or set XDG_RUNTIME_DIR")

    def _names(self) -> list[str]:
        """Return the names for which there is a file; what else somebody put here is no lab."""
        with os.scandir(f"/proc/self/fd/{self._fd}") as found:
            files = [Path(each.name) for each in found if each.is_file(follow_symlinks=False)]
        return sorted(file.stem for file in files if file.suffix == _FILE and NAME.fullmatch(file.stem))

    def _socket(self, name: str) -> str:
        """Return the address of a lab's socket: by descriptor, for addresses end at 107 bytes and paths do not."""
        return f"/proc/self/fd/{self._fd}/{name}{_SOCKET}"

    def _open(self, name: str, create: int = 0) -> int | None:
        """Open a lab's file; None if there is none. EnvironmentProblem if it is none of ours, or cannot be made."""
        try:
            flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | create
            return os.open(name + _FILE, flags, 0o600, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise (self._strange(name + _FILE, error) if error.errno in _STRANGE else self.full(error)) from error

    def _swept(self, name: str) -> Entry | None:
        """Remove what is left of a lab that nobody keeps; None if somebody does."""
        if (fd := self._open(name)) is None:
            return None
        try:
            with turn(fd):
                if held(fd) or not self._is(fd, name):
                    return None
                self._remove(name)
                # an empty file is a name that was just being taken, and no lab
                return _over(written(fd, name)) if os.fstat(fd).st_size else None
        finally:
            os.close(fd)

    def _is(self, fd: int, name: str, *, missing: bool = False) -> bool:
        """Tell whether the file behind ``fd`` is still the one of that name; ``missing`` where there is none."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(name + _FILE, dir_fd=self._fd, follow_symlinks=False))
        except FileNotFoundError:
            return missing

    def _remove(self, name: str) -> None:
        self._unlink(name + _SOCKET)
        self._unlink(name + _FILE)

    def _unlink(self, file: str) -> None:
        try:
            os.unlink(file, dir_fd=self._fd)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._strange(file, error) from error

    def _strange(self, file: str, error: OSError) -> EnvironmentProblem:
        text = f"{self.path / file} is none of a lab's files: {error.strerror}"
        return EnvironmentProblem(text, fix=f"rm -r {self.path / file}")


def _over(entry: Entry) -> Entry:
    """Return the entry of a lab that nobody keeps."""
    why = entry.ended or "it was killed, or the machine was restarted"
    return msgspec.structs.replace(entry, ended=why)


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
