"""Strangers' code: installed packages with an entry point in the group "padl.plugins", and drop-in files.

Drop-in folders are the `plugins/` of a checkout and those named in PADL_PLUGINS; never the current folder by itself.
`drop_ins` says which of their files are plugins, and imports these. A plugin registers by the decorators of
`padl.registry`. One that fails at import is kept with its reason; it leaves nothing registered and stops nothing.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from padl import registry
from padl.drop_ins import import_file, is_plugin, module_name, origin_of
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
        yield from map(_of_file, filter(is_plugin, sorted(folder.glob("*.py"))))


def _of_file(file: Path) -> Source:
    return Source(origin_of(file), module_name(file), lambda: import_file(file))


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


def _no_folder(folder: Path) -> None:
    raise FileNotFoundError(f"PADL_PLUGINS names {folder}, which is no folder")
