"""`padl rerun`: repeat a run, also one of a sweep, alone."""

from pathlib import Path

from padl.cli.exit_codes import of_status
from padl.cli.options import Options

OPTIONS = Options(
    "rerun",
    usage=["FOLDER [--allow path]"],
    about="Repeat a run with the configuration that it recorded, in a folder next to it.\n"
    "The device, W&B, the progress and where compiled programs are kept are the usual\n"
    "ones, not those of the record.",
    examples=["padl rerun runs/20260131-120000-digits-adam-3f2a1c"],
)
OPTIONS.add_argument("folders", metavar="FOLDER", nargs="*", help="of one run, also of a member of a sweep")
OPTIONS.add_allow_path()


def run(arguments: list[str]) -> int:
    """Repeat the run whose folder the words name; 3 where it diverges, 75 or 130 where it is stopped."""
    options = OPTIONS.read(arguments)
    if len(options.folders) != 1 or not options.folders[0].strip():
        OPTIONS.error("padl rerun takes the folder of one run: padl rerun runs/...")
    from padl.app import saved_runs
    from padl.app.flags import differences_from_record
    from padl.app.stopping import on_signals
    from padl.app.train import run as train
    from padl.cli.streams import not_done_by_a_pipe, read_or_not
    from padl.cli.tables import print_summary
    from padl.runs.sink import warn

    folder = Path(options.folders[0])
    config = saved_runs.again(folder, options.allow or ())
    for line in differences_from_record(folder):
        warn(line)
    with on_signals() as stop, not_done_by_a_pipe():
        result = train(config, ["padl", "rerun", *arguments], stop)
    with read_or_not():
        print_summary(result.summary, result.folder, result.wandb_folder)
    return of_status(result.status, result.summary["reason"])
