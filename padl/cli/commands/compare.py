"""`padl compare`: optimizers walk down a surface."""

from collections.abc import Sequence
from typing import Any

from padl.app.compare import run as comparing
from padl.app.compare.run import ComparisonResult
from padl.app.compare.settings import KEYS
from padl.cli.formatting import print_line
from padl.cli.hydra.app import Application, TaskFunction, compose_and_call
from padl.cli.hydra.arguments import is_multirun
from padl.cli.hydra.errors import explain_keys
from padl.compare import report
from padl.compare.surface_captions import title
from padl.runs.console import Output, Working
from padl.runs.exit_codes import DONE
from padl.types import PadlError

APPLICATION = Application("compare", lambda: None, explain_keys(KEYS, "compare"), lambda: {key: [] for key in KEYS})


def run(arguments: list[str]) -> int:
    """Compare as the words say, and print a table of it."""
    words, allow = _without_allow(arguments)
    if is_multirun(words):
        raise PadlError("padl compare runs all in one program: -m is for padl train; several optimizers are a list")

    def compare(config: dict[str, Any]) -> None:
        with Working("comparing optimizers") as working:
            result = comparing.run(config, ["padl", "compare", *arguments], allow, working.say)
        print_comparison(result)

    compose_and_call(words, TaskFunction(compare), APPLICATION)
    return DONE


def _without_allow(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of Hydra, and the names after --allow."""
    rest, allow = iter(arguments), []
    words = []
    for word in rest:
        option, equals, value = word.partition("=")
        if option == "--allow":
            allow.append(value if equals else next(rest, ""))
        else:
            words.append(word)
    return words, allow


def print_comparison(result: ComparisonResult) -> None:
    """Print the table, what its words mean, and where the pictures are."""
    comparison = result.comparison
    print_line(title(comparison), style="bold")
    Output().print(report.table(comparison))
    for note in report.notes(comparison):
        print_line(note)
    for picture in result.pictures:
        print_line(str(picture))
    if result.folder:
        print_line(f"folder  {result.folder}")
