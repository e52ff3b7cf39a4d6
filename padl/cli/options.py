"""Read a command's words with argparse: help of its own, and one line for a mistake."""

import argparse
import os
from collections.abc import Sequence
from typing import NoReturn


class Options(argparse.ArgumentParser):
    """The options and words of a command.

    Args:
        command: its name. usage: its forms, without the program's name, a line each. about: what it does.
        examples: lines that may be typed as they are.
    """

    def __init__(self, command: str, usage: Sequence[str], about: str, examples: Sequence[str]):
        forms = [f"padl {command} {form}" for form in usage]
        super().__init__(
            prog=f"padl {command}",
            usage="\n       ".join(forms),
            description=about,
            epilog="\n".join(["examples:", *(f"  {line}" for line in examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            exit_on_error=False,
        )
        self._refusals: dict[str | None, str] = {}

    def add_value(self, name: str, metavar: str, about: str, refusal: str) -> None:
        """Add an option that takes one value, once; `refusal` is the line for anything else."""
        self.add_argument(name, metavar=metavar, help=about, action=_Once)
        self._refusals[name] = refusal

    def add_allow_path(self) -> None:
        """Add `--allow path`, for a command that reads what the folder of a run names."""
        self.add_value(
            "--allow",
            metavar="path",
            about="read data from where the record says, also outside the current folder and the run's",
            refusal=f"--allow takes one word, path: {self.prog} FOLDER --allow path",
        )

    def read(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Read a command line, options and words in any order.

        Raises:
            PadlError: an option there is not, or one whose value is missing or given twice.
            SystemExit: 0 after --help.
        """
        try:
            values, unknown = self.parse_known_intermixed_args(arguments)
        except argparse.ArgumentError as error:
            self.error(self._refusals.get(error.argument_name, f"{self.prog}: {error.argument_name} takes no value"))
        if unknown:
            self.error(self._no_option(unknown[0].partition("=")[0]))
        return values

    def error(self, message: str) -> NoReturn:
        """Raise a mistake instead of printing the usage and exiting."""
        from padl.errors import PadlError

        raise PadlError(message)

    def print_help(self, file: object = None) -> None:
        """Print the help at once, so that a closed pipe is noticed while it can still be handled."""
        print(self.format_help(), end="", flush=True)

    def _no_option(self, option: str) -> str:
        from padl.errors import near

        options = {name: action for name, action in self._option_string_actions.items() if name.startswith("--")}
        described = ", ".join(f"{name} {action.metavar or ''}".strip() for name, action in options.items())
        return f"{self.prog} has no option '{option}'{near(option, options) or f'; it has {described}'}"


def folders_and_settings(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell folders from words KEY=VALUE; a folder may have a = in its name."""
    folders = [word for word in words if "=" not in word or os.path.isdir(word)]  # False for too long a name
    return folders, [word for word in words if word not in folders]


class _Once(argparse.Action):
    """Store a value that is not empty; refuse a second one."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        if not values or getattr(namespace, self.dest) is not None:
            raise argparse.ArgumentError(self, "takes one value")
        setattr(namespace, self.dest, values)
