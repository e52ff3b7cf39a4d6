"""`python -m padl`: the command, without the current folder on the import path."""

import signal
import sys

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of an import: `console` sees to it further on

from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
HERE = Path.cwd().resolve()
if HERE != HOME:  # -m puts the current folder first, where a stranger's jax.py or hydra_plugins would be run
    sys.path[:] = [p for p in sys.path if Path(p).resolve() != HERE]

from padl.cli.main import console  # noqa: E402

console()
