"""Say a line to the user. warn."""

import contextlib
import sys

from padl.errors import printable_lines


def warn(message: str) -> None:
    """Print a line on standard error, what is not printable in it as Python writes it; nowhere where that is closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(f"padl: {printable_lines(message)}", file=sys.stderr, flush=True)
