"""What a plugin raises, as one line that says where: one_line_for, one_line_in_training, one_line_of_plugins."""

import os
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from padl.app.names import Part
from padl.types import Kind, PadlError, one_line

PADL = f"{Path(__file__).parents[1]}{os.sep}"


@contextmanager
def one_line_for(parts: Mapping[Kind, Part]) -> Iterator[None]:
    """Turn what tracing these parts of a run raises into a PadlError, where a plugin is among them or branches.

    A rule that decides a Python branch by a traced value is named with the hyperparameter; any other error of a run
    with plugins is told with its place and their names; of a run without, it comes through.
    """
    try:
        yield
    except jax.errors.ConcretizationTypeError as error:
        where, what = _place(error), _branched_on(parts)
        raise PadlError(
            f"{where} decides a Python branch by {what}: use jnp.where,"
            " or annotate the argument int, bool or Literal to make it part of the program"
        ) from error
    except PadlError:
        raise
    except Exception as error:
        plugins = _plugins(parts)
        if not plugins:
            raise
        raise PadlError(f"{_place(error)}: {one_line(error)} ({plugins})") from error


class TrainingError(PadlError):
    """A program raised while it trained: what is wrong with it need not be wrong with another."""


@contextmanager
def one_line_in_training(parts: Mapping[Kind, Part]) -> Iterator[None]:
    """Turn what ends a training into a TrainingError with its place and the plugins of the run.

    What the disk says comes through, and any other PadlError.
    """
    try:
        yield
    except (PadlError, OSError):
        raise
    except Exception as error:
        place, reason = _told_place(error) or (_place(error), one_line(error))
        plugins = _plugins(parts)
        raise TrainingError(f"{place}: {reason}{f' ({plugins})' if plugins else ''}") from error


def one_line_of_plugins(parts: Mapping[Kind, Part]) -> AbstractContextManager[None]:
    """Do as `one_line_in_training` where a plugin is among the parts; what PADL's own code raises comes through."""
    return one_line_in_training(parts) if _plugins(parts) else nullcontext()


def _plugins(parts: Mapping[Kind, Part]) -> str:
    """What of a run is not PADL's own, or nothing."""
    told = {
        "plugins in this run": [p for p in parts.values() if p.entry.origin != "padl" and p.thing is None],
        "from Python in this run": [p for p in parts.values() if p.thing is not None],
    }
    lists = {what: ", ".join(f"{p.entry.kind} '{p.entry.name}'" for p in some) for what, some in told.items() if some}
    return "; ".join(f"{what}: {names}" for what, names in lists.items())


def _told_place(error: Exception) -> tuple[str, str] | None:
    """Place and reason of what Python code that a compiled program called raised: JAX tells its traceback as text."""
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', str(error))
    if not frames:
        return None
    file, line, name = ([frame for frame in frames if "site-packages" not in frame[0]] or frames)[-1]
    return f"{file}:{line}, in {name}", str(error).strip().splitlines()[-1]


def _branched_on(parts: Mapping[Kind, Part]) -> str:
    """The traced hyperparameter that a rule's Python code looked at: the one without which it does not."""
    optimizer = parts["optimizer"]
    names = [] if _builds(optimizer) else [name for name in optimizer.scalars if _builds(optimizer, name)]
    return f"the value of optimizer.{names[0]}" if names else "a traced value"


def _builds(optimizer: Part, *fixed: str) -> bool:
    """Whether an optimizer can be traced where only `fixed` are numbers."""
    point, numbers = np.zeros(2, np.float32), {name: optimizer.scalars[name] for name in fixed}

    def one_step(traced: dict[str, Any]) -> Any:
        rule = optax.with_extra_args_support(optimizer.choice(**traced, **numbers))
        return rule.update(point, rule.init(point), point)

    try:
        jax.eval_shape(one_step, {name: np.float32(x) for name, x in optimizer.scalars.items() if name not in fixed})
    except Exception:
        return False
    return True


def _place(error: BaseException) -> str:
    """`file:line, in function` of the last frame that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<frozen")]
    theirs = [f for f in ours if not f.filename.startswith(PADL)]
    last = (theirs or ours or frames)[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}"
