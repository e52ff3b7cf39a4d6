"""Write the first files of a plugin, from templates/: a drop-in with its test, or a package. new_drop_in, new_package.

A template is a whole plugin of its kind, whose test has its equation a second time. `$name` stands for its name.
"""

import ast
import importlib.util
import keyword
import os
import re
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import NamedTuple

from padl.app import names
from padl.drop_ins import is_plugin
from padl.errors import near
from padl.plugins import folders
from padl.types import KINDS, Kind, PadlError

TEMPLATES = Path(__file__).parent / "templates"
OBJECTIVE = "objective"  # a task that is a function to be minimised
DROP_INS = (*KINDS, OBJECTIVE)
PACKAGE = "package"
READ_AS_VALUES = ("null", "true", "false", "nan", "inf")  # on a command line, in small letters and in large ones
STEPS: Mapping[str, tuple[str, ...]] = {
    "optimizer": (
        "padl train optimizer=$name",
        "padl train -m optimizer=adam,$name optimizer.learning_rate=1e-3,1e-2 seed=0,1",
        "padl compare optimizers=[adam,$name] surface=rosenbrock",
    ),
    "loss": (
        "padl train task=permeability loss=$name",
        "padl train -m task=permeability loss=$name loss.delta=0.1,1 seed=0,1",
        "padl show mse $name --plot losses.png",
    ),
    "model": (
        "padl train model=$name",
        "padl train -m model=mlp,$name seed=0,1",
        "padl backprop model=$name",
    ),
    "task": (
        "padl train task=$name",
        "padl train -m task=$name model=linear,mlp seed=0,1",
    ),
    "schedule": (
        "padl train schedule=$name",
        "padl train -m schedule=cosine,$name seed=0,1",
    ),
    OBJECTIVE: (
        "padl train task=$name optimizer.learning_rate=0.1 steps=2000",
        "padl train -m task=$name optimizer=adam,momentum optimizer.learning_rate=0.01,0.1 steps=2000",
    ),
}  # what to do with a new one: train, sweep, look


class NewPlugin(NamedTuple):
    """What was written, and the commands to go on with."""

    files: tuple[Path, ...]
    steps: tuple[str, ...]


def new_drop_in(kind: str, name: str, folder: Path) -> NewPlugin:
    """Write NAME.py and test_NAME.py into a folder.

    Args:
        kind: one of `DROP_INS`. folder: must be there.

    Raises:
        PadlError: a name that cannot be one, or is taken; a file of this name is there, or the folder is not.
    """
    _check_folder(folder)
    _check_name(kind, name)
    files = {
        folder / f"{name}.py": _text(f"{kind}.py", name=name),
        folder / f"test_{name}.py": _text(f"test_{kind}.py", name=name, module=name),
    }
    _check_new(files)
    _check_free(kind, name)
    _write(files)
    file, test = (shlex.quote(os.path.relpath(each)) for each in files)
    oracle = f" --oracle {test}" if kind == "optimizer" else ""
    steps = (f"padl check {file}{oracle}", f"pytest {test}", *_found_in(folder), *_of(STEPS[kind], name))
    return NewPlugin(tuple(files), steps)


def new_package(name: str, folder: Path) -> NewPlugin:
    """Write an installable package NAME of an optimizer NAME, into a folder NAME within this one.

    It has a pyproject.toml with the entry point, a README with a badge, tests, and a workflow that runs them.

    Raises:
        PadlError: as `new_drop_in`.
    """
    _check_folder(folder)
    _check_name("optimizer", name)
    root = folder / name
    words = {"name": name, "distribution": name.replace("_", "-").strip("-")}
    files = {
        root / "pyproject.toml": _text("package/pyproject.toml", **words),
        root / "README.md": _text("package/README.md", **words),
        root / ".github" / "workflows" / "tests.yml": _text("package/tests.yml", **words),
        root / "src" / name / "__init__.py": f'"""Optimizers for PADL: {name}."""\n',
        root / "src" / name / "optimizers.py": _text("optimizer.py", name=name),
        root / "tests" / f"test_{name}.py": _text("test_optimizer.py", name=name, module=f"{name}.optimizers"),
    }
    _check_new(files)
    _check_free("optimizer", name)
    _write(files)
    place, test = os.path.relpath(root), shlex.quote(os.path.relpath(list(files)[-1]))
    install, checks = f"pip install -e {shlex.quote(f'{place}[test]')}", f"padl check {name} --oracle {test}"
    steps = (install, f"pytest {shlex.quote(place)}", checks, *_of(STEPS["optimizer"], name))
    return NewPlugin(tuple(files), steps)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise PadlError(f"there is no folder {folder} to write into: make it first, or give another one by --into")


def _check_name(kind: str, name: str) -> None:
    """Raise PadlError for what is no name for a module, for a function, and for a word of a command line."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) or keyword.iskeyword(name):
        word = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower()
        advice = f"; say {word}" if re.fullmatch(r"[a-z][a-z0-9_]*", word) and not keyword.iskeyword(word) else ""
        raise PadlError(f"'{name}' cannot be a name: letters, digits and _, a letter first{advice}")
    if name.lower() in READ_AS_VALUES or (kind, name) == ("loss", "auto"):
        raise PadlError(f"'{name}' could not be chosen: {kind}={name} means something else; say my_{name}")
    if not is_plugin(Path(f"{name}.py")):
        raise PadlError(f"{name}.py would be taken for a file of pytest's, and not for a plugin: take another name")


def _check_free(kind: str, name: str) -> None:
    """Raise PadlError for a name that another entry has, a module, or a part of the template."""
    registered: Kind = "task" if kind == OBJECTIVE else kind  # pyright: ignore[reportAssignmentType]
    if name in names.names(registered):
        origin = names.of(registered).get(name).origin
        raise PadlError(f"{registered} '{name}' is there already, from {origin}: take another name")
    if _is_module(name):
        raise PadlError(f"'{name}' is the name of an installed module, which {name}.py would hide: take another name")
    if name in _own_names(_text(f"{kind}.py", name="x_x")) | _own_names(
        _text(f"test_{kind}.py", name="x_x", module="x")
    ):
        raise PadlError(f"what is written has a part called '{name}' itself: take another name")


def _is_module(name: str) -> bool:
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a mere folder hides nothing


def _own_names(code: str) -> set[str]:
    """Every name that Python code uses or gives."""
    nodes = list(ast.walk(ast.parse(code)))
    fields = ("id", "arg", "name", "asname")
    return {word for node in nodes for field in fields if isinstance(word := getattr(node, field, None), str)}


def _text(template: str, **words: str) -> str:
    return Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(words)


def _of(steps: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(Template(step).substitute(name=name) for step in steps)


def _found_in(folder: Path) -> tuple[str, ...]:
    """The command by which PADL finds the plugins of a folder; none where it does."""
    if folder.resolve() in folders():
        return ()
    others = '"${PADL_PLUGINS:+:$PADL_PLUGINS}"' if os.environ.get("PADL_PLUGINS") else ""
    return (f"export PADL_PLUGINS={shlex.quote(str(folder.resolve()))}{others}",)


def _check_new(files: Iterable[Path]) -> None:
    """Raise PadlError for a file that is there."""
    for file in files:
        if os.path.lexists(file):
            raise PadlError(f"{file} is there already: nothing is written over it; take another name, or remove it")


def _write(files: Mapping[Path, str]) -> None:
    """Write new files and their folders."""
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as handle:
            handle.write(text)


def unknown_kind(word: str) -> PadlError:
    """Return the mistake of a kind that there is not."""
    kinds = (*DROP_INS, PACKAGE)
    return PadlError(f"padl new knows no '{word}'{near(word, kinds)} (it writes: {', '.join(kinds)})")
