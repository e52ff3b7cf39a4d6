"""`padl runs`: a table of the runs and sweeps below a folder, sorted and filtered."""

from collections.abc import Sequence

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "runs",
    usage=["[FOLDER] [--filter KEY=VALUE ...] [--sort KEY]", "SWEEP"],
    about="List the runs and sweeps in a folder, which is runs/ unless given: their names,\n"
    "what differs from the defaults, their status, and the metric that chooses the\n"
    "best parameters. In the folder of a sweep, list its members. A terminal shows\n"
    "the columns that fit; a pipe gets all, uncut.",
    examples=[
        "padl runs",
        "padl runs --filter task=digits --filter 'best>0.9' --sort -best",
        "padl runs --filter 'optimizer=ada*' --filter 'learning_rate<0.01' --json",
        "padl runs runs/20260131-120000-sweep-digits-a41b07 --sort -best --limit 5",
    ],
)
OPTIONS.add_argument("folders", metavar="FOLDER", nargs="*", help="a folder with runs in it, or that of a sweep")
OPTIONS.add_argument(
    "--filter",
    metavar="KEY=VALUE",
    action="append",
    default=[],
    help="keep runs for which this holds; KEY is a column, a metric such as best/loss, or a key of\n"
    "config.yaml; = and != take patterns such as ada*; also < > <= >=; may be repeated",
)
OPTIONS.add_value("--sort", "KEY", "sort by it, -KEY for the largest first; the newest first where not given",
                  "--sort takes one key: --sort best, or --sort -best for the largest first")  # fmt: skip
OPTIONS.add_argument("--reverse", action="store_true", help="reverse the order")
OPTIONS.add_value("--limit", "N", "list at most N", "--limit takes one whole number: --limit 10")
OPTIONS.add_argument("--members", action="store_true", help="list the members of sweeps too")
OPTIONS.add_argument("--json", action="store_true", help="as JSON, with metrics and configuration")
OPTIONS.add_argument("--csv", action="store_true", help="as CSV, a column for every key")


def run(arguments: list[str]) -> int:
    """List what the words say."""
    options = OPTIONS.read(_joined(arguments))
    if len(options.folders) > 1 or not all(folder.strip() for folder in options.folders):
        OPTIONS.error("padl runs takes one folder: padl runs, or padl runs FOLDER")
    if options.json and options.csv:
        OPTIONS.error("--json or --csv: give one of them")
    from padl.app.run_list import RunList, list_runs
    from padl.cli import run_table

    found = list_runs(
        options.folders[0] if options.folders else "runs",
        filter=options.filter,
        sort=options.sort or "-when",
        limit=None if options.reverse else _limit(options.limit),
        members=options.members,
    )
    if options.reverse:
        found = RunList(found.found[::-1][: _limit(options.limit)], found.folder)
    printed = run_table.print_json if options.json else run_table.print_csv if options.csv else run_table.print_runs
    printed(found)
    return DONE


def _joined(arguments: Sequence[str]) -> list[str]:
    """`--sort -best` as `--sort=-best`, since argparse would take -best for an option."""
    words: list[str] = []
    for word in arguments:
        if words and words[-1] == "--sort" and word.startswith("-") and not word.startswith("--"):
            words[-1] = f"--sort={word}"
        else:
            words.append(word)
    return words


def _limit(text: str | None) -> int | None:
    if text is not None and not (text.isdecimal() and int(text) > 0):
        OPTIONS.error(f"--limit {text} must be a whole number from 1 on")
    return None if text is None else int(text)
