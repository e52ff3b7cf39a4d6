"""Import drop-in files, and what they import of the files beside them. is_plugin, module_name, import_file, files_of.

    from _units import degrees      # in plugins/mine.py: that of plugins/_units.py

The `import` of a drop-in finds its neighbours, and that of all other code does not: its module has an `__import__` of
its own among its `__builtins__`. So two folders may have files of one name, and no file hides an installed module.
"""

import builtins
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from padl import registry
from padl.errors import near, one_line

HELPER = "_"  # how the name of a file begins that is imported by others, and is no plugin
THIRD = "put what both need into a third file, _NAME.py, which is no plugin"
_modules: dict[Path, ModuleType] = {}  # of each file that is loaded, or being loaded
_contents: dict[Path, list[bytes]] = {}  # what a file and its neighbours held when it was loaded
_executing: set[Path] = set()
_imported: dict[Path, set[Path]] = {}  # file -> the neighbours that it imports


def is_plugin(file: Path) -> bool:
    """Tell a drop-in from a helper file, _NAME.py, and from pytest's test_NAME.py and conftest.py."""
    return not file.stem.startswith((HELPER, "test_")) and file.stem != "conftest"


def origin_of(file: Path) -> str:
    """Whose a drop-in's things are, in words: plugins/mine.py."""
    return f"{file.parent.name}/{file.name}"


def module_name(file: Path) -> str:
    """The name of a drop-in's module; where a file of another folder has it, with a part of its own."""
    name = f"padl_plugin_{file.stem}"
    taken = sys.modules.get(name)
    if taken is None or Path(str(taken.__file__)).resolve() == file.resolve():
        return name
    return f"{name}_{hashlib.sha256(bytes(file.resolve())).hexdigest()[:8]}"


def import_file(file: Path) -> ModuleType:
    """Import a drop-in file, once; again where it, or a neighbour that it imports, was edited meanwhile.

    If it fails, it and the neighbours that it imported first are forgotten.

    Raises:
        ImportError: a neighbour fails, or both import each other; and whatever the file raises.
    """
    file = file.absolute()
    if file in _executing or (file in _modules and _contents[file] == _read(file)):
        return _modules[file]
    spec = importlib.util.spec_from_file_location(module_name(file), file)
    assert spec is not None  # a .py file has a spec, and a loader
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module)["__builtins__"] = {**vars(builtins), "__import__": partial(_import, file)}
    before = set(_modules)
    _modules[file] = sys.modules[spec.name] = module  # dataclasses look their module up
    _imported.pop(file, None)
    _executing.add(file)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        for each in {file, *_modules} - (before - {file}):
            sys.modules.pop(_modules.pop(each).__name__, None)
        raise
    finally:
        _executing.discard(file)
    _contents[file] = _read(file)
    return module


def files_of(file: Path) -> list[Path]:
    """Return a file, and behind it the neighbours that it and these import, sorted; a drop-in's as far as it ran."""
    found, new = {file}, {file}
    while new:
        new = {each for one in new for each in _imported.get(one, ())} - found
        found |= new
    return [file, *sorted(found - {file})]


def _read(file: Path) -> list[bytes]:
    """What a file and the neighbours that it imports hold."""
    return [each.read_bytes() if each.is_file() else b"" for each in files_of(file)]


def _import(
    importer: Path, name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] = (), level: int = 0
) -> ModuleType:
    """Do what `__import__` does, for a drop-in.

    A file _NAME.py beside it comes first, any other one where no installed module has its name.
    """
    file = importer.parent / f"{name}.py"
    if not level and file.is_file() and (name.startswith(HELPER) or not _is_installed(name)):
        return _import_neighbour(importer, file, fromlist or ())
    try:
        return builtins.__import__(name, globals, locals, fromlist, level)
    except ImportError as error:
        advice = _advice(importer.parent, name, level, error)
        if not advice:
            raise
        raise type(error)(f"{error}{advice}", name=error.name, path=error.path) from error


def _import_neighbour(importer: Path, file: Path, wanted: Sequence[str]) -> ModuleType:
    _imported.setdefault(importer, set()).add(file)
    if file in _executing:
        if all(hasattr(_modules[file], each) for each in wanted):
            return _modules[file]
        raise ImportError(f"{importer.name} and {file.name} import each other: {THIRD}")
    try:
        with registry.origin(origin_of(file), module_name(file)):
            return import_file(file)
    except Exception as error:
        raise ImportError(f"{_place(error, file)}, which {importer.name} imports, fails: {one_line(error)}") from error


def _place(error: Exception, file: Path) -> str:
    """`_units.py:3`: the last line of the file that ran."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return f"{file.name}:{lines[-1]}" if lines else file.name


def _advice(folder: Path, name: str, level: int, error: ImportError) -> str:
    """How to import what was not found; "" where nothing beside the file is meant."""
    top = name.partition(".")[0]
    if level:
        return f"; a file beside it is imported by its name alone: from {name or 'NAME'} import ..."
    if not isinstance(error, ModuleNotFoundError) or error.name != top:
        return ""
    if (folder / top).is_dir():
        return f"; the folder {top} beside it cannot be imported: a file _{top}.py can, or an installed package"
    return near(top, [file.stem for file in folder.glob("*.py")])


def _is_installed(name: str) -> bool:
    return name in sys.modules or importlib.util.find_spec(name) is not None
