"""Complete a command line in the shell: names of commands, of items, of what `padl new` writes and folders of runs
here, the words after `padl train` and the like by Hydra."""

import glob
import importlib
import os
from collections.abc import Sequence

from padl.cli.hydra.app import TRAIN, Application, TaskFunction, compose_and_call
from padl.runs.exit_codes import DONE

OF_FOLDERS = ("resume", "rerun", "evaluate", "predict", "export")  # commands whose first word is the folder of a run
FOLDER = "config.yaml", "sweep.json"  # what a folder of a run or a sweep has


def complete(arguments: list[str], commands: Sequence[str]) -> int:
    """Answer `padl -sc query=SHELL` for the line in COMP_LINE; without a line Hydra installs or removes completion.

    Args:
        arguments: -sc and what follows. commands: names; a module of one that is an application of Hydra says so by its
            `APPLICATION`.
    """
    words = os.environ.get("COMP_LINE", "").split(" ")
    if len(words) < 2:
        compose_and_call(arguments, TaskFunction(lambda config: None), TRAIN)
    elif len(words) == 2:
        print("\n".join(name for name in commands if name.startswith(words[1])))
    elif application := _application(words[1], commands):
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        compose_and_call(arguments, TaskFunction(lambda config: None), application)
    elif words[1] == "new":
        print("\n".join(_kinds(words[-1]) if len(words) == 3 else ()))
    elif words[1] in ("show", *OF_FOLDERS):
        print("\n".join(_names(words[-1]) if words[1] == "show" else _folders(words[-1])))
    return DONE


def _names(begun: str) -> list[str]:
    """The names of items that begin so."""
    from padl.app import names
    from padl.types import KINDS

    return sorted({name for kind in KINDS for name in names.names(kind) if name.startswith(begun)})


def _kinds(begun: str) -> list[str]:
    """What `padl new` writes that begins so."""
    from padl.app.new_plugin import DROP_INS, PACKAGE

    return [kind for kind in (*DROP_INS, PACKAGE) if kind.startswith(begun)]


def _folders(begun: str) -> list[str]:
    """The folders of runs and sweeps that begin so, and folders on the way to them; those of runs/ for nothing yet."""
    folders = [path for path in sorted(glob.glob(f"{glob.escape(begun or 'runs/')}*")) if os.path.isdir(path)]
    is_run = lambda path: any(os.path.isfile(os.path.join(path, name)) for name in FOLDER)  # noqa: E731
    return [path if is_run(path) else f"{path}/" for path in folders]


def _application(command: str, commands: Sequence[str]) -> Application | None:
    if command not in commands:
        return None
    return getattr(importlib.import_module(f"padl.cli.commands.{command}"), "APPLICATION", None)
