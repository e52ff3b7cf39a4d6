"""Strangers' code: installed packages with an entry point in the group "padl.plugins", and drop-in files.

Drop-in folders are the `plugins/` of a checkout and those named in PADL_PLUGINS; never the current folder by itself.
`drop_ins` says which of their files are plugins, and imports these. A plugin registers by the decorators of
`padl.registry`. One that fails at import, or registers what could not be used, is kept with its reason; it leaves
nothing registered and stops nothing. What an import does to the process is put back.
"""

import os
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from padl import registry
from padl.drop_ins import import_file, is_plugin, module_name, origin_of
from padl.import_effects import contained
from padl.types import Kind, PadlError, one_line

GROUP = "padl.plugins"


class Source(NamedTuple):
    """Where a plugin is: its name, the top-level package of its modules, what imports it, and its file if it is one."""

    name: str
    package: str
    importer: Callable[[], object]
    file: str = ""


class Plugin(NamedTuple):
    """A plugin that was found.

    Attributes:
        name: of the distribution or file. broken: why it could not be loaded, with its place; "" where it was.
        notes: what its import did to the process, a line each. registers: kind and name of what it registers, or would.
    """

    name: str
    broken: str
    notes: tuple[str, ...] = ()
    registers: tuple[tuple[Kind, str], ...] = ()


@cache
def load() -> tuple[Plugin, ...]:
    """Load all plugins, once."""
    return tuple(map(_attempt, _sources()))


def _sources() -> Iterator[Source]:
    for entry in metadata.entry_points(group=GROUP):
        owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        yield Source(owner, entry.module.partition(".")[0], entry.load)
    for folder in folders():
        if not folder.is_dir():
            yield Source(str(folder), "", lambda folder=folder: _no_folder(folder))
        yield from map(_of_file, filter(is_plugin, sorted(folder.glob("*.py"))))


def _of_file(file: Path) -> Source:
    return Source(origin_of(file), module_name(file), lambda: import_file(file), str(file))


def load_from(path: str | Path) -> list[Plugin]:
    """Load a drop-in file from anywhere, or all of a folder, as those of `folders` are loaded."""
    path = Path(path).resolve()
    files = filter(is_plugin, sorted(path.glob("*.py"))) if path.is_dir() else [path]
    return [_attempt(_of_file(file)) for file in files]


def folders() -> list[Path]:
    """Where drop-in files are looked for."""
    shipped = Path(__file__).parent.parent / "plugins"
    named = [Path(p).expanduser() for p in os.environ.get("PADL_PLUGINS", "").split(os.pathsep) if p]
    in_checkout = shipped.is_dir() and (shipped.parent / "pyproject.toml").is_file()
    return list(dict.fromkeys(folder.resolve() for folder in ([shipped, *named] if in_checkout else named)))


def _attempt(source: Source) -> Plugin:
    registers: list[tuple[Kind, str]] = []
    broken = ""
    with contained(source.name) as notes:
        try:
            with registry.origin(source.name, source.package) as registers:
                source.importer()
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # a plugin may call sys.exit
            broken = _reason(error, source)
    return Plugin(source.name, broken, tuple(notes), tuple(registers))


def _reason(error: BaseException, source: Source) -> str:
    """`file:line: what it says`, of the last line of the plugin that was run."""
    frames = traceback.extract_tb(error.__traceback__)
    within, module = f"{os.sep}{source.package}{os.sep}", f"{os.sep}{source.package}.py"
    is_own = lambda file: file == source.file or (not source.file and (within in file or file.endswith(module)))  # noqa: E731
    own = [frame for frame in frames if is_own(frame.filename)]
    says = str(error) if isinstance(error, PadlError) else one_line(error)
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {type(error).__name__}: {error.msg}"
    return f"{own[-1].filename}:{own[-1].lineno}: {says}" if own else says


def _no_folder(folder: Path) -> None:
    raise FileNotFoundError(f"PADL_PLUGINS names {folder}, which is no folder")
