"""Find what is meant by a name, a file, a folder, a package or "module:function". things_called, Named, import_of.

Looked for in this order: a registered name, "kind:name", "FILE.py:function", "module:function", a file or folder of
drop-ins, an installed plugin.
"""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

from padl import plugins, registry
from padl.app import names
from padl.drop_ins import import_file
from padl.errors import near
from padl.registry import Entry
from padl.types import KINDS, PadlError, one_line


class Named(NamedTuple):
    """A thing that was asked for: an entry, or a function.

    Attributes:
        label: what it is called; "" for its own name. code: Python that imports it, or makes its name known.
    """

    thing: Any
    label: str = ""
    code: str = ""


def things_called(word: str) -> list[Named]:
    """Return what a word means.

    Raises:
        PadlError: nothing, several kinds of things, or what fails to load.
    """
    entries = _entries(lambda entry: entry.name == word)
    if len(entries) > 1:
        kinds = [entry.kind for entry in entries]
        forms = " or ".join(f"{kind}:{word}" for kind in kinds)
        raise PadlError(f"'{word}' is a {' and a '.join(kinds)}: say which, as {forms}")
    if entries:
        return [Named(entries[0])]
    before, colon, name = word.rpartition(":")
    if before in KINDS:
        return [Named(names.find(before, name))]
    if colon and before.endswith(".py"):
        return [_of_file(Path(before), name)]
    if colon and before and name:
        return [_of_module(before, name)]
    if word.endswith(".py") or Path(word).is_dir():
        return _all_of_files(Path(word))
    return _all_of_package(word)


def registered(thing: Any) -> Entry | None:
    """Return the entry that a function was registered with, of any kind; None where it was not."""
    is_it = lambda entry: getattr(entry.function, "made_of", entry.function) is thing  # noqa: E731
    return next(iter(_entries(is_it)), None)


def import_of(thing: Any) -> str:
    """Write the line that imports a function; "" for what no module has by its name, and for the main program's."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", "")
    is_there = module != "__main__" and getattr(sys.modules.get(module or ""), name, None) is thing
    return f"from {module} import {name}" if is_there else ""


def module_of(file: Path) -> Any:
    """Import a file as a module, for a function of it.

    Raises:
        PadlError: it is not there, or fails.
    """
    if not file.is_file():
        raise PadlError(f"there is no file {file}")
    names.load()
    file = file.resolve()
    try:
        with registry.origin(f"{file.parent.name}/{file.name}"):
            return import_file(file)
    except Exception as error:  # a stranger's code
        raise PadlError(f"{file} cannot be loaded: {one_line(error)}") from error


def _entries(wanted: Any) -> list[Entry]:
    return [entry for kind in KINDS for entry in names.of(kind) if wanted(entry)]


def _of_files(files: Iterable[Path]) -> list[Entry]:
    every = set(files)
    return _entries(lambda entry: entry.place is not None and Path(entry.place.file).resolve() in every)


def _all_of_files(path: Path) -> list[Named]:
    """What a file, or each file of a folder, registers."""
    files = sorted(path.resolve().glob("*.py")) if path.is_dir() else [path.resolve()]
    if not files or not files[0].is_file():
        raise PadlError(f"there is no file {path}" if not path.is_dir() else f"{path} has no drop-in files (*.py)")
    names.load()
    loaded_at_start = [file for file in files if file.parent in plugins.folders()]
    for plugin in plugins.load_from(path) if not loaded_at_start else names.load():
        is_its = not loaded_at_start or plugin.name in {f"{file.parent.name}/{file.name}" for file in files}
        if plugin.broken and is_its:
            raise PadlError(f"{plugin.name} cannot be loaded: {plugin.broken}")
    entries = _of_files(files)
    if not entries:
        raise PadlError(
            f"{path} registers nothing: put @padl.registry.optimizer() above a function, or name a function that"
            f" makes an Optax transformation, as {path}:NAME"
        )
    code = "" if loaded_at_start else f"from padl.plugins import load_from\nload_from({str(path.resolve())!r})"
    return [Named(entry, code=code) for entry in entries]


def _of_file(file: Path, name: str) -> Named:
    """A function of a file, registered or not."""
    known = [entry for entry in (_of_files([file.resolve()])) if entry.function.__name__ == name]
    if known:
        return Named(known[0])
    thing = _attribute(module_of(file), name, str(file))
    path = f"import sys; sys.path.insert(0, {str(file.resolve().parent)!r})"
    return Named(thing, name, f"{path}\nfrom {file.stem} import {name.partition('.')[0]}")


def _of_module(module: str, name: str) -> Named:
    """A function of a module, of the current folder too."""
    names.load()
    top = module.partition(".")[0]
    here = "" if top in sys.modules or importlib.util.find_spec(top) else os.getcwd()
    with _folder_of_modules(here):
        try:
            found = importlib.import_module(module)
        except Exception as error:  # a stranger's code
            missing = isinstance(error, ModuleNotFoundError) and error.name and module.startswith(error.name)
            why = "there is no such module" if missing else one_line(error)
            raise PadlError(f"{module} cannot be imported: {why}") from error
    path = f"import sys; sys.path.insert(0, {here!r})\n" if here else ""
    return Named(_attribute(found, name, module), f"{module}:{name}", f"{path}import {module}")


@contextlib.contextmanager
def _folder_of_modules(folder: str) -> Iterator[None]:
    """Look for modules in a folder first; "" is none."""
    before = list(sys.path)
    sys.path[:0] = [folder] if folder else []
    try:
        yield
    finally:
        sys.path[:] = before


def _attribute(module: Any, name: str, where: str) -> Any:
    """`contrib.muon` of a module."""
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError as error:
        public = [each for each in dir(module) if not each.startswith("_")]
        raise PadlError(f"{where} has no '{name}'{near(name, public)}") from error


def _all_of_package(word: str) -> list[Named]:
    """What an installed plugin registers, by the name of its distribution or of its package."""
    plain = lambda name: name.replace("-", "_").replace(".", "_").lower()  # noqa: E731
    for plugin in names.load():
        entries = _entries(lambda entry, origin=plugin.name: entry.origin == origin)
        packages = {entry.place.module.partition(".")[0] for entry in entries if entry.place is not None}
        if plain(word) not in {plain(plugin.name.partition(" ")[0]), *map(plain, packages)}:
            continue
        if plugin.broken:
            raise PadlError(f"{plugin.name} cannot be loaded: {plugin.broken}")
        if entries:
            return [Named(entry) for entry in entries]
    raise PadlError(_unknown(word))


def _unknown(word: str) -> str:
    every = [name for kind in KINDS for name in registry.REGISTRIES[kind].names()]
    broken = ", ".join(plugin.name for plugin in names.load() if plugin.broken)
    more = f"; plugins that could not be loaded: {broken}" if broken else ""
    module, _, name = word.rpartition(".")
    hint = f"; a function of a module is {module}:{name}" if module and name else near(word, every)
    forms = "('padl list' shows all names; others are FILE.py, an installed plugin, module:function)"
    return f"nothing is called '{word}'{hint} {forms}{more}"
