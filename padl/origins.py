"""Tell whose code registers something: PADL's, a plugin's, a module's, or a cell's. Place, place_of, loading."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from padl.notebook import notebook_shell

PADL, MAIN = "padl", "__main__"
HERE = Path(__file__).resolve().parent


class Place(NamedTuple):
    """Where a decorator stands.

    Attributes:
        module: the `__name__` of its module, `__main__` for a script, a prompt and a notebook. file: of its code.
        origin: as it is shown: "padl", "plugins/mine.py", "stranger 1.0", "tools (/home/me/tools.py)", "this notebook".
        line: of the decorator.
    """

    module: str
    file: str
    origin: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    def is_same_as(self, other: "Place") -> bool:
        """Tell whether both are one module or one file, which may be imported under two names, or both `__main__`."""
        if self.module == other.module == MAIN:
            return True
        return self.file == other.file and (self.module == other.module or Path(self.file).is_file())


class _Loading(NamedTuple):
    """A plugin that is being imported: its name, and its package; "" takes every module for its own."""

    name: str
    package: str


_loading: list[_Loading] = []
_plugin_of: dict[tuple[str, str], str] = {}  # (module, file) -> the plugin that it registered for while it was imported


@contextlib.contextmanager
def loading(plugin: str, package: str = "") -> Iterator[None]:
    """What registers inside this context comes from `plugin`, where its module is of this top-level package."""
    _loading.append(_Loading(plugin, package))
    try:
        yield
    finally:
        _loading.pop()


def place_of(frame: FrameType) -> Place:
    """Return the place of the code that runs in a frame."""
    module, file = str(frame.f_globals.get("__name__", "")), frame.f_code.co_filename
    return Place(module, file, _origin(frame, module, file), frame.f_lineno)


def _origin(frame: FrameType, module: str, file: str) -> str:
    if not file.startswith("<") and HERE in Path(file).resolve().parents:
        return PADL
    if _loading and not _loading[-1].package:
        return _loading[-1].name
    if _loading and _loading[-1].package == module.partition(".")[0]:
        _plugin_of[module, file] = _loading[-1].name
    return _plugin_of.get((module, file)) or _of_nobodys(frame, module, file)


def _of_nobodys(frame: FrameType, module: str, file: str) -> str:
    """Name what is neither PADL's nor a plugin's."""
    shell = notebook_shell()
    if shell is not None and frame.f_globals is shell.user_global_ns:
        return "this notebook"
    name = module or "a module without a name"
    return f"{name} ({Path(file).resolve()})" if Path(file).is_file() else name
