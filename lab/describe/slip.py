"""Slips in an author's file: whatever it raised, told as one line with the author's own coordinates.

The traceback leads through our code and ends there; the last line that is the author's own is what can be mended.
"""

from __future__ import annotations

import builtins
import inspect
import re
import sys
from types import FrameType
from typing import Any, Final

from lab.errors import ModelError, Problem, nearest

_KEYWORD: Final = re.compile(r"(?:(\w+)\.)?(\w+)\(\) got an unexpected keyword argument '(\w+)'")
_POSITIONAL: Final = re.compile(r"(\w+)\.(\w+)\(\) takes \d+ positional arguments? but")
_MISSING: Final = re.compile(r"(?:(\w+)\.)?(\w+)\(\) missing \d+ required")
_ABSENT: Final = {"DisableVrf": "there is none: once enabled, VRF cannot be disabled (account.vrf-one-way)"}
"""What is missing from the vocabulary on purpose."""
_NAME: Final = re.compile(r"cannot import name '(\w+)' from 'lab'")


def slip(error: BaseException, file: str, doing: str) -> ModelError:
    """Return ``error``, raised by the code in ``file`` while ``doing``, as a problem at the author's line."""
    lines = " ".join(str(error).split())
    said = f"{doing}: {type(error).__name__}" + (f": {lines}" if lines else "")
    return ModelError(Problem(where=place(error, file), text=said, hint=_nearest(error, file)))


def authors_line() -> str:
    """Return ``FILE:LINE`` of who is describing just now: the innermost caller that is none of these modules."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.stack() reads every file on the way
    while frame is not None and frame.f_globals.get("__name__", "").startswith(f"{__package__}."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame is not None else ""


def place(error: BaseException, file: str) -> str:
    """Return ``FILE:LINE`` of the last line of ``file`` that ``error`` went through, or the file alone."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{file}:{line}" if line else file


def _nearest(error: BaseException, file: str) -> str:
    """Return what the author probably meant."""
    text = str(error)
    match error:
        case AttributeError() if error.name and error.obj is not None:
            return nearest(error.name, (name for name in dir(error.obj) if not name.startswith("_")))
        case NameError() if error.name:
            return nearest(error.name, {*dir(builtins), *_names(error, file), *_vocabulary()})
        case ImportError() if found := _NAME.search(text):
            if found[1] in _ABSENT:
                return _ABSENT[found[1]]
            return nearest(found[1], _vocabulary())
        case TypeError() if found := _KEYWORD.search(text):
            return nearest(found[3], _parameters(found[1], found[2]))
        case TypeError() if found := _POSITIONAL.search(text):
            named = (f"{name}=..." for name in _parameters(found[1], found[2]))
            return f"by name: {found[1]}({', '.join(named)})"
        case TypeError() if found := _MISSING.search(text):
            return ", ".join(f"{name}=..." for name in _parameters(found[1], found[2]))
        case _:
            return ""


def _names(error: BaseException, file: str) -> set[str]:
    """Return the names that the author's last line could have used."""
    trace, found = error.__traceback__, set[str]()
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == file:
            found = {name for name in (*frame.f_globals, *frame.f_locals) if not name.startswith("_")}
        trace = trace.tb_next
    return found


def _vocabulary() -> dict[str, Any]:
    """Return what authors import from ``lab``, by name."""
    # not imported: the package holds more than authors need, and this module is a part of it
    package = vars(sys.modules["lab"])
    return {name: package[name] for name in package["__all__"] if name in package}


def _parameters(owner: str | None, name: str) -> list[str]:
    """Return the parameters of a class or method of the vocabulary; none if it is somebody else's."""
    known = _vocabulary()
    found: Any = known.get(owner or name)
    if found is not None and owner is not None and name != "__init__":
        found = getattr(found, name, None)
    if found is None:
        return []
    return [parameter for parameter in inspect.signature(found).parameters if parameter != "self"]
