"""How pictures are drawn: in matplotlib's own style, whole, and at no cost but a line where one cannot be.

own_style, preload, save, attempt, drawn.
"""

import importlib
import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from padl import files
from padl.errors import PadlError, one_line
from padl.runs import writing
from padl.runs.sink import warn

NO_GLYPH = r"Glyph .* missing from font"  # how matplotlib's warning of a letter begins
STYLE_FILE, LARGEST_STYLE = "matplotlibrc", 2**20  # its size in bytes


@contextmanager
def own_style(changes: Any = MappingProxyType({})) -> Iterator[None]:
    """Draw in matplotlib's own style, whatever a matplotlibrc says: one of the current folder is a stranger's.

    Args:
        changes: of matplotlib's parameters, as in `matplotlib.rc_context`.
    """
    _check_what_matplotlib_reads()
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update(changes)
        yield


def preload() -> None:
    """Import what pictures take, which is most of a second. Why it cannot be is said by what draws."""
    with suppress(Exception):
        _check_what_matplotlib_reads()
        importlib.import_module("matplotlib.figure")


def _check_what_matplotlib_reads() -> None:
    """Raise PadlError for a matplotlibrc that its import would wait for without an end: a pipe, a device."""
    if "matplotlib" in sys.modules:
        return
    named = os.environ.get("MATPLOTLIBRC", "")
    for file in (STYLE_FILE, named, os.path.join(named, STYLE_FILE)):
        try:
            if os.path.exists(file) and not os.path.isdir(file):
                files.open_regular(file, LARGEST_STYLE).close()
        except OSError as error:
            place = os.path.abspath(file)
            raise PadlError(f"{place} is matplotlib's style, and cannot be read: {error.strerror}") from error


def save(figure: Any, file: Path, **options: Any) -> None:
    """Write a matplotlib figure whole, or not at all; `options` are those of its `savefig`."""
    content = io.BytesIO()
    with _said_of_letters(file.name):
        figure.savefig(content, format=file.suffix[1:], **options)
    writing.write(file, content.getvalue(), durable=False)


@contextmanager
def _said_of_letters(name: str) -> Iterator[None]:
    """Say in one line that the font lacks letters, as a run.name may have: matplotlib warns of each, in two lines."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=NO_GLYPH)
        yield
    lacks = [each for each in caught if re.match(NO_GLYPH, str(each.message))]
    if lacks:
        warn(f"{name}: matplotlib's font does not have all of its letters, and draws boxes for them")
    for each in caught:
        if each not in lacks:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def attempt(what: str, draw: Callable[[], list[Path]], but: tuple[type[Exception], ...] = ()) -> list[Path]:
    """Draw, and return the files; what cannot be drawn costs a line, and returns none.

    Args:
        what: says in the line what is missing. but: errors that come through.
    """
    try:
        return draw()
    except but:
        raise
    except Exception as error:
        warn(f"{what} could not be drawn ({one_line(error)}); all else goes on")
        return []


def drawn(pictures: Mapping[str, Callable[[], Any]], name: str, whose: str) -> Any:
    """Draw the picture of a name, or for "" the first that there is.

    Args:
        pictures: {name: () -> a figure, or None where it would be empty}. whose: for the message.

    Raises:
        PadlError: there is none of that name, or it is empty.
    """
    if name and name not in pictures:
        from padl.registry import near  # with it comes JAX

        raise PadlError(f"no picture '{name}'{near(name, pictures)} (there are: {', '.join(pictures) or 'none'})")
    for figure in map(pictures.__getitem__, [name] if name else pictures):
        picture = figure()
        if picture is not None:
            return picture
    raise PadlError(f"{whose}: nothing to draw{f' in {name}' if name else ''}, nothing was measured")
