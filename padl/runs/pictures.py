"""How pictures are drawn: in matplotlib's own style, whole, and at no cost but a line where one cannot be.

own_style, save, attempt, drawn.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from padl.registry import near
from padl.runs import writing
from padl.runs.sink import warn
from padl.types import PadlError, one_line


@contextmanager
def own_style(changes: Any = MappingProxyType({})) -> Iterator[None]:
    """Draw in matplotlib's own style, whatever a matplotlibrc says: one of the current folder is a stranger's.

    Args:
        changes: of matplotlib's parameters, as in `matplotlib.rc_context`.
    """
    from matplotlib import rc_context, rcdefaults, rcParams

    with rc_context():
        rcdefaults()
        rcParams.update(changes)
        yield


def save(figure: Any, file: Path, **options: Any) -> None:
    """Write a matplotlib figure whole, or not at all; `options` are those of its `savefig`."""
    content = io.BytesIO()
    figure.savefig(content, format=file.suffix[1:], **options)
    writing.write(file, content.getvalue(), durable=False)


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
        raise PadlError(f"no picture '{name}'{near(name, pictures)} (there are: {', '.join(pictures) or 'none'})")
    for figure in map(pictures.__getitem__, [name] if name else pictures):
        picture = figure()
        if picture is not None:
            return picture
    raise PadlError(f"{whose}: nothing to draw{f' in {name}' if name else ''}, nothing was measured")
