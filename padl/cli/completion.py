"""Complete a command line in the shell: names of commands here, the words after `padl train` and the like by Hydra."""

import importlib
import os
from collections.abc import Sequence

from padl.cli.hydra.app import TRAIN, Application, TaskFunction, compose_and_call
from padl.runs.exit_codes import DONE


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
    return DONE


def _application(command: str, commands: Sequence[str]) -> Application | None:
    if command not in commands:
        return None
    return getattr(importlib.import_module(f"padl.cli.commands.{command}"), "APPLICATION", None)
