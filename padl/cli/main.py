"""The command. What it does with a mistake: one line on standard error and exit code 2.

0 done; 2 a mistake in the command, the configuration or the data; 3 diverged; 130 stopped by Ctrl-C. PADL_TRACEBACK=1
shows the traceback behind a line. `--help` and `--version` import nothing heavy.
"""

import errno
import gc
import io
import os
import sys
from pathlib import Path
from typing import Any

USAGE = """\
padl: train neural networks, and study how they are trained

  padl train [KEY=VALUE ...]    train once; with -m a sweep over every combination of KEY=A,B, compiled together
  padl rerun FOLDER             repeat a run, also one of a sweep, alone
  padl list [KIND]              what there is: optimizer, loss, model, task, schedule
  padl show NAME                the card of one of them: rule, arguments with ranges, reference
  padl show LOSS --plot FILE    a picture of it, value and gradient [ARGUMENT=A,B]; of several losses in one
  padl evaluate FOLDER          repeat the evaluation of a run [--best]
  padl compare [KEY=VALUE ...]  optimizers walk down a surface: who gets where, at which learning rates; pictures
  padl backprop FORMULA [X=1]   its circuit of values and gradients, printed and drawn [--steps] [--out FOLDER]
  padl backprop [KEY=VALUE ...] where the gradients of a model vanish, explode or turn into NaN; or of a run: FOLDER

  padl train                                        an MLP with Adam on handwritten digits
  padl train optimizer=nadam optimizer.learning_rate=0.01 epochs=20
  padl train -m optimizer=adam,sgd optimizer.learning_rate=1e-3,1e-2 'seed=range(0,4)'
  padl train task=cracks model.channels=[8,16]      a task brings its own model and loss
  padl train experiment=gradient_descent            several settings under one name
  padl compare surface=valley optimizers=[gd,momentum]     each at its own best of 16 learning rates
  padl backprop "(x + y) * z" x=-2 y=5 z=-4         the lecture's circuit
  padl backprop task=digits model.widths=[64,64,64] steps=100    a model after 100 steps of training
  padl train --cfg job                              every knob, with its value
  padl train --help                                 Hydra's own options; padl -sc install=bash: completion
"""
COMMANDS = ("train", "compare", "backprop", "rerun", "evaluate", "list", "show")
HYDRA = ("train", "compare")  # applications of Hydra, whose help and completion are its own
HELP = ("-h", "--help", "help")
MISTAKE, DIVERGED, INTERRUPTED = 2, 3, 130
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)  # the machine's errors that one line explains


def console() -> None:
    """The entry point `padl`."""
    gc.set_threshold(100_000, 50, 100)  # what imports and traces make stays: looking through it is a fifth of the start
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without η and ρ
    code = main(sys.argv[1:])
    gc.freeze()  # nor at the end
    sys.exit(code)


def main(arguments: list[str]) -> int:
    """Run a command line, without the program's name; returns the exit code."""
    try:
        return _guarded(arguments)
    except BrokenPipeError:  # `padl list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        if os.environ.get("PADL_TRACEBACK") == "1":
            raise
        print("padl: stopped; a run that had begun keeps its rows in its folder", file=sys.stderr)
        return INTERRUPTED


def _guarded(arguments: list[str]) -> int:
    if not arguments or _asks_help(arguments):
        print(USAGE, end="", flush=True)
        return 0
    if arguments[0] == "--version":
        from padl import __version__

        print(f"padl {__version__}", flush=True)
        return 0
    from padl.types import PadlError

    try:
        return _dispatch(arguments)
    except (PadlError, OSError) as error:
        if os.environ.get("PADL_TRACEBACK") == "1" or (isinstance(error, OSError) and error.errno not in DISK):
            raise
        line = f"{error.filename or 'a file of the run'}: {error.strerror}" if isinstance(error, OSError) else error
        print(f"padl: {line}", file=sys.stderr)
        return MISTAKE


def _asks_help(arguments: list[str]) -> bool:
    """Whether a word asks for help; that of `train` and `compare` is Hydra's."""
    return arguments[0] not in HYDRA and any(word in HELP for word in arguments)


def _dispatch(arguments: list[str]) -> int:
    command, *rest = arguments
    if command in ("-sc", "--shell-completion"):
        return _complete(arguments)
    if command == "train":
        return _train(rest)
    if command == "compare":
        return _compare(rest)
    if command == "backprop":
        return _backprop(rest)
    if command == "list":
        return _list(rest)
    if command == "show":
        return _show(rest)
    if command == "evaluate":
        return _evaluate(rest)
    if command == "rerun":
        return _rerun(rest)
    from padl.registry import near
    from padl.types import PadlError

    raise PadlError(f"no command '{command}'{near(command, COMMANDS)} ('padl --help' shows all)")


def _train(rest: list[str]) -> int:
    from padl.cli.hydra.app import compose_and_call, is_multirun

    command, codes = ["padl", "train", *rest], [0]

    def task(config: dict[str, Any]) -> float | None:
        record = _run(config, command)
        codes.append(DIVERGED if record.status == "diverged" else 0)
        return record.summary["best"].get(record.summary["decided_by"]["metric"])

    if not is_multirun(rest):
        compose_and_call(rest, task)
        return max(codes)
    from padl.app.sweep.run import Sweep
    from padl.runs.console import Output

    def say(line: str) -> None:
        Output().print(line, markup=False, highlight=False, soft_wrap=True)

    sweep = Sweep(command, say)
    try:
        compose_and_call(rest, task, sweep.launch_and_judge)
    finally:
        _show_results(sweep)
    if sweep.members and all(member.status == "diverged" for member in sweep.members):
        codes.append(DIVERGED)
    return max(codes)


def _compare(rest: list[str]) -> int:
    from padl.app.compare import run as compare
    from padl.cli.hydra.app import compose_and_call, is_multirun
    from padl.types import PadlError

    def task(config: dict[str, Any]) -> None:
        compare.show(compare.run(config, ["padl", "compare", *rest]))

    if is_multirun(rest):
        raise PadlError("padl compare runs all in one program: -m is for padl train; several optimizers are a list")
    compose_and_call(rest, task, app=compare.APP)
    return 0


def _backprop(rest: list[str]) -> int:
    from padl.cli.commands import backprop

    backprop.run(rest)
    return 0


def _run(config: dict[str, Any], command: list[str]) -> Any:
    from padl.app.train import run
    from padl.runs.console import print_summary

    record = run(config, command)
    print_summary(record.summary, record.folder, record.wandb_folder)
    return record


def _show_results(sweep: Any) -> None:
    from padl.app.sweep import results

    found = results.finish(sweep)
    if found:
        results.show(sweep, found)


def _rerun(rest: list[str]) -> int:
    from padl.app import saved_runs
    from padl.types import PadlError

    if len(rest) != 1 or rest[0].startswith("-"):
        raise PadlError("padl rerun takes the folder of one run: padl rerun runs/...")
    record = _run(saved_runs.again(Path(rest[0])), ["padl", "rerun", *rest])
    return DIVERGED if record.status == "diverged" else 0


def _list(rest: list[str]) -> int:
    from padl.cli.commands.show import PLURALS, print_list
    from padl.registry import near
    from padl.types import KINDS, Kind, PadlError

    kinds: dict[str, Kind] = {word: kind for kind, plural in PLURALS.items() for word in (kind, plural)}
    for word in rest:
        if word not in kinds:
            raise PadlError(f"no kind '{word}'{near(word, kinds)} (kinds: {', '.join(PLURALS)})")
    print_list([kinds[word] for word in rest] or list(KINDS))
    return 0


def _show(rest: list[str]) -> int:
    from padl.cli.commands.show import print_card
    from padl.types import PadlError

    words, file = _plot_option(rest)
    if file is not None:
        from padl.app.plot_loss import plot

        print(f"{file}: {plot(words, file)}")
        return 0
    if len(words) != 1 or "=" in words[0]:
        raise PadlError("padl show takes one name: padl show adam; a loss is drawn by padl show huber --plot FILE")
    print_card(words[0])
    return 0


def _plot_option(rest: list[str]) -> tuple[list[str], Path | None]:
    """The words beside `--plot FILE`, and the file; PadlError for another option, or for no file."""
    from padl.registry import near
    from padl.types import PadlError

    words, files, left = [], [], iter(rest)
    for word in left:
        option, equals, file = word.partition("=")
        if option == "--plot":
            files.append(file if equals else next(left, ""))
        elif word.startswith("-"):
            raise PadlError(f"padl show has no option '{option}'{near(option, ('--plot',)) or '; it has --plot FILE'}")
        else:
            words.append(word)
    if len(files) > 1 or any(not file or file.startswith("-") for file in files):
        raise PadlError("--plot takes one file, .png, .svg or .pdf: padl show huber --plot huber.png")
    return words, Path(files[0]) if files else None


def _evaluate(rest: list[str]) -> int:
    from padl.app import saved_runs
    from padl.runs.console import print_evaluation
    from padl.types import PadlError

    folders = [word for word in rest if not word.startswith("-")]
    options = [word for word in rest if word.startswith("-")]
    if len(folders) != 1 or options not in ([], ["--best"]):
        raise PadlError(
            "padl evaluate takes the folder of one run, and --best for its best parameters: padl evaluate runs/..."
        )
    which = "best" if options else "final"
    folder = Path(folders[0])
    print_evaluation(saved_runs.evaluate(folder, which), saved_runs.recorded(folder, which), which)
    return 0


def _complete(arguments: list[str]) -> int:
    """Shell completion is Hydra's, for the words after `padl train` and `padl compare`."""
    from padl.cli.hydra.app import compose_and_call

    line, app = os.environ.get("COMP_LINE", ""), None
    words = line.split(" ")
    if len(words) > 1 and words[1] in HYDRA:
        os.environ["COMP_LINE"] = " ".join([words[0], *words[2:]])
        if words[1] == "compare":
            from padl.app.compare.run import APP as app
    elif line:
        typed = words[-1]
        print("\n".join(c for c in COMMANDS if len(words) == 2 and c.startswith(typed)))
        return 0
    compose_and_call(arguments, lambda config: None, app=app)
    return 0
