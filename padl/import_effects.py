"""Import a stranger's code without what it does to the process beside: flags of JAX, prints, a device. contained."""

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any

import jax

from padl.errors import one_line
from padl.messages import warn


@contextlib.contextmanager
def contained(whose: str) -> Iterator[list[str]]:
    """Import something in here.

    Flags of JAX that it sets are put back, and what it prints goes to standard error: standard output is for what a
    command prints, which other programs may read.

    Args:
        whose: it is, for what it prints.

    Yields:
        Lines on what it did, which are there behind the context.
    """
    notes: list[str] = []
    flags, had_device, printed = _flags(), _has_device(), io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield notes
    finally:
        notes += _put_back(flags)
        if not had_device and _has_device():
            notes.append(
                "its import starts JAX on a device, which every command then waits for: make arrays in functions,"
                " or of NumPy"
            )
        if text := printed.getvalue():
            first = text.strip().partition("\n")[0]
            notes.append(f"its import prints {first!r}" + (" and more" if "\n" in text.strip() else ""))
            for line in text.strip().split("\n"):
                warn(f"{whose} prints: {line}")


def _flags() -> dict[str, Any]:
    """JAX's flags with their values; {} where this JAX does not tell them."""
    return dict(getattr(jax.config, "values", {}))


def _put_back(flags: dict[str, Any]) -> list[str]:
    """Give JAX's flags the values that they had; a line for each that had another."""
    notes = []
    for name, now in _flags().items():
        if name not in flags or now is flags[name] or now == flags[name]:
            continue
        try:
            jax.config.update(name, flags[name])
            notes.append(f"its import sets {name}={now!r} for every run: it was put back to {flags[name]!r}")
        except Exception as error:  # of a flag that can be set once
            notes.append(f"its import sets {name}={now!r} for every run, which stays ({one_line(error)})")
    return notes


def _has_device() -> bool:
    """Whether JAX has started on a device; False where this JAX does not tell."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bool(getattr(bridge, "backends_are_initialized", lambda: False)())
