"""`padl evaluate`: repeat the evaluation of a run, and compare it with what the run recorded."""

from pathlib import Path

from padl.cli.options import Options
from padl.runs.exit_codes import DONE

SIDES = {"held_out": "held out", "test": "test rows"}
OPTIONS = Options(
    "evaluate",
    usage=["FOLDER [--best] [--allow path]"],
    about="Evaluate the saved parameters of a run again, on its held-out rows and its test\n"
    "rows. Print the result beside what the run recorded.",
    examples=[
        "padl evaluate runs/20260131-120000-digits-adam-3f2a1c",
        "padl evaluate runs/20260131-120000-digits-adam-3f2a1c --best",
    ],
)
OPTIONS.add_argument("folders", metavar="FOLDER", nargs="*", help="of one run")
OPTIONS.add_argument("--best", action="store_true", help="the parameters with the best evaluation, not the final ones")
OPTIONS.add_allow_path()


def run(arguments: list[str]) -> int:
    """Evaluate the run whose folder the words name."""
    options = OPTIONS.read(arguments)
    if len(options.folders) != 1 or not options.folders[0].strip():
        OPTIONS.error(
            "padl evaluate takes the folder of one run, and --best for its best parameters: padl evaluate runs/..."
        )
    from padl.app import saved_runs
    from padl.app.flags import differences_from_record
    from padl.cli.tables import print_evaluation
    from padl.runs.sink import warn

    folder, which = Path(options.folders[0]), "best" if options.best else "final"
    again = saved_runs.evaluations(folder, which, allow=options.allow or ())
    for line in differences_from_record(folder):
        warn(line)
    for side, metrics in again.items():
        print_evaluation(metrics, saved_runs.recorded(folder, which, side), f"{which} parameters, {SIDES[side]}")
    return DONE
