"""`padl plot`: the curves of several runs in one picture."""

from collections.abc import Sequence
from pathlib import Path

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

OPTIONS = Options(
    "plot",
    usage=["RUN [RUN ...] [--metric NAME ...] [--out FILE]"],
    about="Draw the curves of runs in one picture, told apart by what differs between them.\n"
    "A RUN is the folder of a run, of a sweep (its members), or a folder with runs in\n"
    "it. Other tasks and losses have panels of their own. Where runs are many, those\n"
    "that differ only in the seed become their mean and range.",
    examples=[
        "padl plot runs/*-digits-adam-* runs/*-digits-nadam-*",
        "padl plot runs/20260131-120000-sweep-digits-a41b07 --metric eval/loss --log",
        "padl plot runs --x wall --smooth 0.9 --out all.svg",
    ],
)
OPTIONS.add_argument("folders", metavar="RUN", nargs="*", help="the folder of a run, of a sweep, or of several")
OPTIONS.add_argument(
    "--metric", metavar="NAME", action="append", default=[],
    help="such as eval/loss, as in metrics.jsonl; where not given, the one that chooses the best "
    "parameters; may be repeated, for more panels",
)  # fmt: skip
OPTIONS.add_value("--x", "step|epoch|wall", "the horizontal axis; step where not given",
                  "--x takes step, epoch or wall: --x epoch")  # fmt: skip
OPTIONS.add_value("--smooth", "S", "draw a running mean; S, from 0 to below 1, is the weight of the past",
                  "--smooth takes one number: --smooth 0.9")  # fmt: skip
OPTIONS.add_argument("--log", action="store_true", help="values on a logarithmic axis")
OPTIONS.add_value("--out", "FILE", "the picture, .png, .svg or .pdf; plot.png where not given",
                  "--out takes one file, .png, .svg or .pdf: --out curves.png")  # fmt: skip


def run(arguments: list[str]) -> int:
    """Draw what the words say, and print the file."""
    options = OPTIONS.read(arguments)
    if not options.folders or not all(folder.strip() for folder in options.folders):
        OPTIONS.error("padl plot takes the folders of runs: padl plot runs/... runs/...")
    from padl.app import run_plot
    from padl.cli.formatting import print_line

    file = Path(options.out or "plot.png")
    figure = run_plot.plot(
        *options.folders,
        metric=_metrics(options.metric),
        x=options.x or "step",
        smooth=_number(options.smooth),
        log=options.log,
    )
    run_plot.write(figure, file)
    print_line(str(file))
    return DONE


def _metrics(words: Sequence[str]) -> list[str]:
    return [name.strip() for word in words for name in word.split(",")]


def _number(text: str | None) -> float:
    try:
        return 0.0 if text is None else float(text)
    except ValueError:
        return OPTIONS.error(f"--smooth {text} is no number: --smooth 0.9")
