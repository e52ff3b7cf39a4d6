"""Strangers' code: installed packages with an entry point in the group "padl.plugins", and drop-in files.

Drop-in folders are the `plugins/` of a checkout and those named in PADL_PLUGINS; never the current folder by itself. A
plugin registers by the decorators of `padl.registry`. One that fails at import is kept with its reason; it leaves
nothing registered and stops nothing.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from padl import registry
from padl.types import one_line

GROUP = "padl.plugins"


class Source(NamedTuple):
    """Where a plugin is: its name, the top-level package of its modules, and what imports it."""

    name: str
    package: str
    importer: Callable[[], object]


class Plugin(NamedTuple):
    """name: of the distribution or file. broken: why it could not be loaded, "" where it was."""

    name: str
    broken: str


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
        yield from map(_of_file, sorted(folder.glob("*.py")))


def _of_file(file: Path) -> Source:
    return Source(f"{file.parent.name}/{file.name}", _module_name(file), lambda: import_file(file))


def load_from(path: str | Path) -> list[Plugin]:
    """Load a drop-in file from anywhere, or all of a folder, as those of `folders` are loaded."""
    path = Path(path).resolve()
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    return [_attempt(_of_file(file)) for file in files]


def folders() -> list[Path]:
    """Where drop-in files are looked for."""
    shipped = Path(__file__).parent.parent / "plugins"
    named = [Path(p).expanduser() for p in os.environ.get("PADL_PLUGINS", "").split(os.pathsep) if p]
    in_checkout = shipped.is_dir() and (shipped.parent / "pyproject.toml").is_file()
    return list(dict.fromkeys(folder.resolve() for folder in ([shipped, *named] if in_checkout else named)))


def _attempt(source: Source) -> Plugin:
    try:
        with registry.origin(source.name, source.package):
            source.importer()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # a plugin may call sys.exit
        return Plugin(source.name, one_line(error))
    return Plugin(source.name, "")


def _module_name(file: Path) -> str:
    return f"padl_plugin_{file.stem}"


def import_file(file: Path) -> ModuleType:
    """Import a drop-in file as a module of its own."""
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # a .py file has a spec, and a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _no_folder(folder: Path) -> None:
    raise FileNotFoundError(f"PADL_PLUGINS names {folder}, which is no folder")
