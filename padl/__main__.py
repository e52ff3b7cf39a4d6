"""`python -m padl`: the command, without the current folder on the import path."""

import sys

sys.path[:] = [p for p in sys.path if p]  # -m puts the current folder first: a stranger's jax.py would be run

from padl.cli.main import console  # noqa: E402

console()
