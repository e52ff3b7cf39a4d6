"""The command `padl`: a table of commands, dispatch, and one line for a mistake.

Nothing heavy is imported before a command has read its words: help, version and a mistyped option answer at once.
PADL_TRACEBACK=1 shows the traceback behind a line.
"""

import contextlib
import errno
import gc
import importlib
import io
import os
import signal
import sys
from typing import Any

from padl.app.stopping import ASKS
from padl.cli.streams import drop, refuses
from padl.runs.exit_codes import DONE, MISTAKE, of_status

COMMANDS = {
    "train": "train a model; with -m, a sweep over every combination of KEY=A,B",
    "resume": "continue a run or a sweep that was stopped; steps=N trains a run further",
    "runs": "list the runs and sweeps in a folder: what differs, what became of them",
    "plot": "draw the curves of several runs in one picture",
    "rerun": "repeat a run, also one of a sweep, alone",
    "evaluate": "evaluate the saved parameters of a run again, beside what it recorded",
    "predict": "predict new rows of a table, or new images, into a CSV file",
    "export": "write the model of a run for other programs: safetensors, or a JAX function",
    "list": "list optimizers, losses, models, tasks and schedules",
    "show": "explain one of them: formula, arguments with ranges, paper; --plot draws a loss",
    "check": "put an optimizer through checks, PADL's, Optax's or yours; what fails as code",
    "compare": "let optimizers walk down a surface, each at its best learning rate; pictures",
    "diff": "say how far two optimizers part on the same gradients, and why: adam@torch adam@keras",
    "new": "write a plugin to begin with, and its test: an optimizer, a loss, a package, ...",
    "backprop": "draw a formula as a graph with gradients; find where those of a model vanish",
}  # each is a module of padl/cli/commands with `run(arguments: list[str]) -> int`
EXAMPLES = """\
  padl train                                        an MLP with Adam on handwritten digits
  padl train optimizer=nadam optimizer.learning_rate=0.01 epochs=20
  padl train -m optimizer=adam,sgd optimizer.learning_rate=1e-3,1e-2 'seed=range(0,4)'
  padl train task=cracks model.channels=[8,16]      a task brings its own model and loss
  padl predict runs/... new.csv                     classes by name, numbers in units
  padl train experiment=gradient_descent            several settings under one name
  padl compare surface=valley optimizers=[gd,momentum]     each at its own best of 16 learning rates
  padl check optax:yogi                             what of an optimizer is not as it should be
  padl backprop "(x + y) * z" x=-2 y=5 z=-4         a formula as a graph
  padl backprop task=digits model.widths=[64,64,64] steps=100    a model after 100 steps of training
  padl train --cfg job                              every setting, with its value
  padl COMMAND --help                               what a command takes; padl -sc install=bash: completion
"""
HELP = ("-h", "--help", "help")
COMPLETION = ("-sc", "--shell-completion")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE)
NAMES = (errno.ENAMETOOLONG, errno.ELOOP, errno.EMFILE, errno.ENFILE)  # one too long, in a circle; too many open
EXPLAINED = (*FULL, *GONE, *NAMES, errno.EROFS, errno.EACCES, errno.EIO)  # the machine's errors that are a line


def console() -> None:
    """Run the command line of this process, and exit with its code. The entry point `padl`."""
    for each in ASKS:
        if signal.getsignal(each) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(each, _leave)
    gc.set_threshold(100_000, 50, 100)  # what imports and traces make stays: looking through it is a fifth of the start
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without η and ρ
    code = main(sys.argv[1:])
    gc.freeze()  # nor at the end
    for stream in (sys.stdout, sys.stderr):
        if refuses(stream):  # Python would say so itself, and exit with 120
            drop(stream)
    sys.exit(code)


def _leave(number: int, frame: Any) -> None:
    """End the process at a signal that asks to stop, while nothing is lost by it.

    An exception would end in a traceback where it falls into an import, or be swallowed where it falls into a callback;
    a run takes signals as requests (`stopping.on_signals`).
    """
    os.write(2, b"padl: stopped\n")
    os._exit(of_status("interrupted", signal.Signals(number).name))


def main(arguments: list[str]) -> int:
    """Run a command line, without the program's name, and return its exit code.

    A mistake is one line on standard error.

    Raises:
        SystemExit: 0 after the help of a command.
    """
    try:
        return _dispatch(arguments)
    except BrokenPipeError:  # `padl list | head`
        drop(sys.stdout)
        return DONE
    except KeyboardInterrupt as error:
        if _shows_tracebacks():
            raise
        _say("stopped; a run that had begun keeps its rows in its folder")
        return of_status("interrupted", getattr(error, "signal", "SIGINT"))
    except Exception as error:
        line = _mistake(error)
        if line is None or _shows_tracebacks():
            raise
        _say(line)
        return MISTAKE


def _dispatch(arguments: list[str]) -> int:
    command, *rest = arguments or ["help"]
    if command in HELP and not rest:
        print(_usage(), end="", flush=True)
        return DONE
    if command in HELP:
        return _dispatch([rest[0], "--help"])
    if "--version" in arguments:
        return _print_version()
    if command in COMPLETION:
        from padl.cli.completion import complete

        return complete(arguments, list(COMMANDS))
    if command not in COMMANDS:
        raise _unknown_command(command)
    return importlib.import_module(f"padl.cli.commands.{command}").run(rest)


def _usage() -> str:
    """The general page, from the table."""
    width = max(map(len, COMMANDS))
    table = "".join(f"  padl {name:{width}}  {line}\n" for name, line in COMMANDS.items())
    return f"padl: train neural networks, and study how they are trained\n\n{table}\n{EXAMPLES}"


def _print_version() -> int:
    from padl.version import __version__

    print(f"padl {__version__}", flush=True)
    return DONE


def _unknown_command(command: str) -> Exception:
    from padl.errors import PadlError
    from padl.registry import near

    return PadlError(f"no command '{command}'{near(command, COMMANDS)} ('padl --help' shows all)")


def _mistake(error: Exception) -> str | None:
    """The line that explains an error; None for one that is owed its traceback."""
    from padl.errors import PadlError

    if isinstance(error, OSError):
        what = error.filename or "standard output or a file"
        return f"{what}: {error.strerror}" if error.errno in EXPLAINED else None
    if isinstance(error, MemoryError):
        return f"out of memory ({str(error) or 'it says no more'}): less data, a smaller batch_size or model need less"
    return str(error) if isinstance(error, PadlError) else None


def _say(line: str) -> None:
    """Print a line on standard error, if that takes it: no secrets, and nothing that commands the terminal."""
    from padl.errors import printable_lines
    from padl.runs.redaction import redact

    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"padl: {printable_lines(redact(line))}", file=sys.stderr, flush=True)


def _shows_tracebacks() -> bool:
    return os.environ.get("PADL_TRACEBACK") == "1"
