"""`padl list`: tables of what is registered."""

import json
from collections.abc import Sequence

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "list",
    usage=["[KIND ...]"],
    about="List all names by family, with their hyperparameters and papers.",
    examples=["padl list", "padl list optimizers schedules", "padl list optimizer --json"],
)
OPTIONS.add_argument(
    "kinds", metavar="KIND", nargs="*", help="optimizer, loss, model, task or schedule; all where none is given"
)


OPTIONS.add_argument("--json", action="store_true", help="all of it as JSON, of optimizers state and needs too")


def run(arguments: list[str]) -> int:
    """Print a table for each kind that the words name, or for all."""
    given = OPTIONS.read(arguments)
    words = given.kinds
    from padl.cli.listing import PLURALS, described, on_plugins, print_list
    from padl.messages import warn
    from padl.registry import near
    from padl.types import KINDS, Kind

    kinds: dict[str, Kind] = {word: kind for kind, plural in PLURALS.items() for word in (kind, plural)}
    for word in words:
        if word not in kinds:
            OPTIONS.error(
                f"no kind '{word}'{near(word, kinds)} (kinds: {', '.join(PLURALS.values())};"
                " 'padl train --help' names the experiments and sweeps)"
            )
    wanted: Sequence[Kind] = [kinds[word] for word in words] or KINDS
    if given.json:
        print(json.dumps([each for kind in wanted for each in described(kind)], indent=1))
        for line in on_plugins(wanted):
            warn(line)
    else:
        print_list(wanted)
    return DONE
