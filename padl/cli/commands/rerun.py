"""`padl rerun`: repeat a run, also one of a sweep, alone; or run it again with other values."""

import os
from collections.abc import Sequence
from pathlib import Path

from padl.cli.options import Options, folders_and_settings
from padl.runs.exit_codes import of_status

OPTIONS = Options(
    "rerun",
    usage=["FOLDER [--allow path]", "FOLDER KEY=VALUE ..."],
    about="Repeat a run with the configuration that it recorded, in a folder next to it.\n"
    "The device, W&B, the progress and where compiled programs are kept are the usual\n"
    "ones, not those of the record. KEY=VALUE, as of padl train, changes a value, and\n"
    "what differs from the record is said; what PADL chose, as the batch size, it\n"
    "chooses anew. One value each: padl train -m runs several.",
    examples=[
        "padl rerun runs/20260131-120000-digits-adam-3f2a1c",
        "padl rerun runs/20260131-120000-digits-adam-3f2a1c seed=1 model.widths=[64]",
        "padl rerun runs/20260131-120000-digits-adam-3f2a1c optimizer=nadam",
    ],
)
OPTIONS.add_argument("words", metavar="FOLDER", nargs="*", help="of one run, also of a sweep's member; then KEY=VALUE")
OPTIONS.add_allow_path()


def run(arguments: list[str]) -> int:
    """Repeat the run whose folder the words name; 3 where it diverges, 75 or 130 where it is stopped."""
    if "-m" in arguments or "--multirun" in arguments:
        OPTIONS.error("padl rerun runs one: -m is for padl train, which takes the same words")
    options = OPTIONS.read(arguments)
    folders, words = folders_and_settings(options.words)
    if len(folders) != 1 or not folders[0].strip():
        OPTIONS.error(_not_one(folders))
    from padl.app import saved_runs
    from padl.app.flags import differences_from_record
    from padl.app.run_spec import Memo
    from padl.app.stopping import on_signals
    from padl.app.train import run as train
    from padl.cli.hydra.changes import read_changes
    from padl.cli.streams import not_done_by_a_pipe, read_or_not
    from padl.cli.tables import print_summary
    from padl.runs.sink import warn

    folder, memo = Path(folders[0]), Memo()
    if words:
        config, lines = saved_runs.again_with(folder, read_changes(words), options.allow or (), memo)
    else:
        config, lines = saved_runs.again(folder, options.allow or ()), []
    for line in [*lines, *differences_from_record(folder)]:
        warn(line)
    with on_signals() as stop, not_done_by_a_pipe():
        result = train(config, ["padl", "rerun", *arguments], stop, memo)
    with read_or_not():
        print_summary(result.summary, result.folder, result.wandb_folder, result.wandb_url)
    return of_status(result.status, result.summary["reason"])


def _not_one(folders: Sequence[str]) -> str:
    """What is wrong where the words name no folder, or several."""
    several = [folder for folder in folders[1:] if folder.strip()]
    hint = f" ('{several[0]}' is no KEY=VALUE)" if several and not os.path.isdir(several[0]) else ""
    return f"padl rerun takes the folder of one run, and KEY=VALUE: padl rerun runs/...{hint}"
