"""`padl resume`: go on with a run or a sweep that was stopped, in its own folder, to the same bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from padl.cli.options import Options, folders_and_settings
from padl.runs.exit_codes import MISTAKE, of_status

OPTIONS = Options(
    "resume",
    usage=["FOLDER [--allow NAME ...]", "RUN steps=N", "SWEEP KEY=A,B,C"],
    about="Continue a run or a sweep that was stopped, from its newest saved state. It uses\n"
    "the same folder and W&B run, and comes to the bits of one that never stopped.\n"
    "A larger steps=N trains a run further. Another stop.patience=N, or null, lets\n"
    "one go on that had stopped early. KEY=A,B,C with more values adds runs to a\n"
    "sweep. All that the numbers depend on must be unchanged. A difference is\n"
    "shown, and refused unless it is allowed.",
    examples=[
        "padl resume runs/20260131-120000-digits-adam-3f2a1c",
        "padl resume runs/20260131-120000-digits-adam-3f2a1c steps=4000",
        "padl resume runs/20260131-120000-sweep-digits-a41b07",
        "padl resume runs/20260131-120000-sweep-digits-a41b07 'seed=range(0,8)'",
        "padl resume runs/20260131-120000-digits-adam-3f2a1c --allow versions",
    ],
)
OPTIONS.add_argument("words", metavar="FOLDER", nargs="*", help="of one run or sweep; then KEY=VALUE")
OPTIONS.add_argument(
    "--allow",
    metavar="NAME",
    action="append",
    default=[],
    help="may differ: config, code, plugins, data, versions, device, flags, schedule; path: read files elsewhere",
)


def run(arguments: list[str]) -> int:
    """Go on with what the words name; 75 or 130 where it is stopped again, 3 where it diverges."""
    options = OPTIONS.read(arguments)
    folders, words = folders_and_settings(options.words)
    if len(folders) != 1 or not folders[0].strip():
        OPTIONS.error("padl resume takes the folder of one run or sweep: padl resume runs/...")
    if len({word.partition("=")[0] for word in words}) < len(words):
        OPTIONS.error(f"{' '.join(words)} gives one key twice")
    from padl.app.fingerprint import DifferentRun
    from padl.app.sweep.recorded import is_sweep
    from padl.cli.tables import print_differences
    from padl.runs.sink import warn

    folder = Path(folders[0])
    resume = _sweep if is_sweep(folder) else _run
    try:
        return resume(folder, words, options.allow, ["padl", "resume", *arguments])
    except DifferentRun as error:
        print_differences(error.differences)
        warn(str(error))
        return MISTAKE


def _run(folder: Path, words: Sequence[str], allow: Sequence[str], command: Sequence[str]) -> int:
    from padl.app.fingerprint import ALLOW
    from padl.app.resume import resume_run
    from padl.app.stopping import on_signals
    from padl.app.stored_config import allowed
    from padl.cli.streams import not_done_by_a_pipe, read_or_not
    from padl.cli.tables import print_summary

    names = allowed(allow, ALLOW)
    with on_signals() as stop, not_done_by_a_pipe():
        result = resume_run(folder.absolute(), dict(map(_setting, words)), names, command, stop)
    with read_or_not():
        print_summary(result.summary, result.folder, result.wandb_folder, result.wandb_url)
    return of_status(result.status, result.summary["reason"])


def _sweep(folder: Path, words: Sequence[str], allow: Sequence[str], command: Sequence[str]) -> int:
    from padl.app.stopping import on_signals
    from padl.app.sweep.recorded import TODAYS
    from padl.app.sweep.resume import reopen, train_again
    from padl.cli.commands.train import exit_code, launch, print_what_there_is, say
    from padl.cli.streams import not_done_by_a_pipe

    with on_signals() as stop:
        todays = dict(_setting(word) for word in words if word.partition("=")[0] in TODAYS)
        sweep = reopen(folder, allow, todays, say, stop)
        if len(words) > len(todays) or _searches(sweep.records.command):
            again = _with(sweep.records.command, words)
            sweep.records.command = ["padl", "train", *again]  # what a later resume composes
            return launch(again, sweep)
        try:
            with not_done_by_a_pipe():
                train_again(sweep)
        finally:
            print_what_there_is(sweep)
        return exit_code(sweep, [])


def _searches(command: Sequence[str]) -> bool:
    """Whether a search made the sweep: its members are drawn again, from the same seed or the study on the disk."""
    return any(word.startswith("hydra/sweeper=") for word in command)


def _with(command: Sequence[str], words: Sequence[str]) -> list[str]:
    """The words of `padl train -m` that made a sweep, some of them replaced or added."""
    from padl.runs.sink import warn
    from padl.types import PadlError

    if not command:
        raise PadlError("this sweep was made from Python: its members can go on, and others are added from there")
    if any("***" in word for word in command):
        raise PadlError("the command of this sweep had a secret, which is not kept: it cannot be composed again")
    keys = [word.partition("=")[0] for word in words]
    recorded = [word for word in command[2:] if word.partition("=")[0] not in keys]
    left_out = [word for word in recorded if not _is_of_the_sweep(word)]
    if left_out:
        warn(f"left out of the sweep's command, as it is yours to say today: {' '.join(left_out)}")
    return [word for word in recorded if word not in left_out] + list(words)


def _is_of_the_sweep(word: str) -> bool:
    """Whether a recorded word says what is trained, and nothing of Hydra, of files or of today: a folder is not
    believed in that."""
    from padl.app.sweep.optuna_study import SearchOptions
    from padl.app.sweep.recorded import TODAYS
    from padl.cli.hydra.arguments import MULTIRUN

    key = word.lstrip("+~").partition("=")[0]
    if key.startswith("hydra"):
        search = {f"hydra.sweeper.{name}" for name in SearchOptions._fields}
        return word == "hydra/sweeper=padl_optuna" or key in search
    return word in MULTIRUN or ("=" in word and not word.startswith("-") and key not in TODAYS)


def _setting(word: str) -> tuple[str, Any]:
    """`steps=4000` as a key and a value in Python's types."""
    import yaml

    from padl.types import PadlError

    key, _, text = word.partition("=")
    try:
        return key, yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PadlError(f"{word}: the value cannot be read") from error
