"""Which labs this user has up, by name: a private folder with a file and a socket for each.

Whoever keeps a lab holds a lock on its file, so the kernel says whether it is there: the lock ends with the process,
however that ends. A file whose lock nobody holds is stale. It starts and ends no lab (``lab.live.keeper`` does).
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

from lab import wire
from lab.errors import EnvironmentProblem, ModelError, Problem, nearest
from lab.live.entry import Entry, check_name, held, hold, written

_FILE, _SOCKET = ".lab", ".sock"
_NEW_FILE: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
_FULL: Final = {errno.ENOSPC, errno.EDQUOT}
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
        try:
            fd = os.open(name + _FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        try:
            entry = written(fd, name)
            if held(fd):
                return entry
            why = entry.ended or "it was killed, or the machine was restarted"
            return msgspec.structs.replace(entry, ended=why)
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
            EnvironmentProblem: There is no room to write it down.
        """
        check_name(entry.name)
        while True:
            fd = self._new(entry.name)
            mine = hold(fd)
            if mine and self._is(fd, entry.name):
                break
            os.close(fd)
            if not mine:
                hint = f"pelab down {entry.name}, or another name: --name NAME"
                raise Taken(Problem(where=f"lab {entry.name}", text="a lab of this name is up", hint=hint))
        with contextlib.ExitStack() as failed:
            claim = failed.enter_context(Claim(self, fd, entry))
            self._unlink(entry.name + _SOCKET)
            claim.write(entry)
            failed.pop_all()
        return claim

    def lookout(self, name: str) -> bool:
        """Tell whether the file of ``name`` still stands under this path: folders vanish at logout; show it used."""
        try:
            shown = (self.path / (name + _FILE)).stat()
            own = os.stat(name + _FILE, dir_fd=self._fd)
            os.utime(name + _FILE, dir_fd=self._fd)
        except OSError:
            return False
        return (shown.st_dev, shown.st_ino) == (own.st_dev, own.st_ino)

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

    def remove(self, name: str) -> None:
        """Remove what stands of a lab; whoever does holds its lock."""
        self._unlink(name + _SOCKET)
        self._unlink(name + _FILE)

    def full(self, error: OSError) -> EnvironmentProblem:
        """Return the problem of a lab that cannot be written down."""
        text = f"the lab cannot be written down in {self.path}: {error.strerror}"
        return EnvironmentProblem(text, fix=f"df -h -i {self.path}; free some space, or set XDG_RUNTIME_DIR")

    def _names(self) -> list[str]:
        return sorted(path.stem for path in Path(f"/proc/self/fd/{self._fd}").glob(f"*{_FILE}"))

    def _socket(self, name: str) -> str:
        """Return the address of a lab's socket: by descriptor, for addresses end at 107 bytes and paths do not."""
        return f"/proc/self/fd/{self._fd}/{name}{_SOCKET}"

    def _new(self, name: str) -> int:
        try:
            return os.open(name + _FILE, _NEW_FILE, 0o600, dir_fd=self._fd)
        except OSError as error:
            raise self.full(error) from error

    def _swept(self, name: str) -> Entry | None:
        """Remove what is left of a lab that nobody keeps; None if somebody does."""
        try:
            fd = os.open(name + _FILE, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=self._fd)
        except FileNotFoundError:
            return None
        try:
            # held while it is removed, so that nobody begins a lab on it meanwhile
            gone = None if held(fd) else self.read(name)
            if gone is None or not hold(fd) or not self._is(fd, name):
                return None
            self.remove(name)
            # an empty file is a name that was just being taken, and no lab
            return gone if os.fstat(fd).st_size else None
        finally:
            os.close(fd)

    def _is(self, fd: int, name: str) -> bool:
        """Tell whether the file behind ``fd`` is still the one of that name."""
        try:
            return os.path.samestat(os.fstat(fd), os.stat(name + _FILE, dir_fd=self._fd, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def _unlink(self, file: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file, dir_fd=self._fd)


class Claim:
    """A name that this process holds; leaving the context gives it up, and nothing of it stays."""

    def __init__(self, registry: Registry, fd: int, entry: Entry) -> None:
        """Own ``fd``, on which the lock is."""
        self.entry = entry
        self._registry, self._fd = registry, fd

    def write(self, entry: Entry) -> None:
        """Write down what is known of the lab now; EnvironmentProblem if there is no room."""
        try:
            _put(self._fd, wire.encode(entry))
        except OSError as error:
            raise self._registry.full(error) from error
        self.entry = entry

    def stand(self, hosts: list[str]) -> socket.socket:
        """Say that the lab stands, and return the socket on which others find it."""
        listener = self._registry.listen(self.entry.name)
        try:
            self.write(msgspec.structs.replace(self.entry, hosts=hosts, standing=True))
        except BaseException:
            listener.close()
            raise
        return listener

    def lookout(self) -> bool:
        """Tell whether others still find the lab."""
        return self._registry.lookout(self.entry.name)

    def bequeath(self, why: str) -> None:
        """Leave word of the lab's end for whoever asks next, who then cleans."""
        self.write(msgspec.structs.replace(self.entry, ended=why))
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Self:
        """Return the claim."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the name up."""
        if self._fd >= 0:
            self._registry.remove(self.entry.name)
            os.close(self._fd)


def _put(fd: int, data: bytes) -> None:
    """Make ``data`` the content of a file, in one piece and cut afterwards: who reads meanwhile finds a document."""
    if os.pwrite(fd, data, 0) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.ftruncate(fd, len(data))


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
