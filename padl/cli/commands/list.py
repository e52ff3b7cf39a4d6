"""`padl list`: tables of what is registered."""

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "list",
    usage=["[KIND ...]"],
    about="List all names by family, with their hyperparameters and papers.",
    examples=["padl list", "padl list optimizers schedules"],
)
OPTIONS.add_argument(
    "kinds", metavar="KIND", nargs="*", help="optimizer, loss, model, task or schedule; all where none is given"
)


def run(arguments: list[str]) -> int:
    """Print a table for each kind that the words name, or for all."""
    words = OPTIONS.read(arguments).kinds
    from padl.cli.listing import PLURALS, print_list
    from padl.registry import near
    from padl.types import KINDS, Kind

    kinds: dict[str, Kind] = {word: kind for kind, plural in PLURALS.items() for word in (kind, plural)}
    for word in words:
        if word not in kinds:
            OPTIONS.error(
                f"no kind '{word}'{near(word, kinds)} (kinds: {', '.join(PLURALS.values())};"
                " 'padl train --help' names the experiments and sweeps)"
            )
    print_list([kinds[word] for word in words] or KINDS)
    return DONE
