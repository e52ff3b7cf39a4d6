"""What a plugin raises, as one line that says where: one_line_for, one_line_in_training, one_line_of_plugins."""

import os
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import jax
import numpy as np
import optax

from padl.app.names import Part, strangers
from padl.origins import HERE
from padl.types import Kind, PadlError, one_line

ELSEWHERE = re.compile("site-packages|^<(?!stdin|python-input|ipython-input)")  # no files, but what a prompt has


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
        if not _strangers(parts):
            raise
        raise PadlError(f"{_place(error)}: {one_line(error)}{_strangers(parts)}") from error


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
        raise TrainingError(f"{place}: {reason}{_strangers(parts)}") from error


def one_line_of_plugins(parts: Mapping[Kind, Part]) -> AbstractContextManager[None]:
    """Do as `one_line_in_training` where a plugin is among the parts; what PADL's own code raises comes through."""
    return one_line_in_training(parts) if _strangers(parts) else nullcontext()


def _strangers(parts: Mapping[Kind, Part]) -> str:
    """` (not PADL's own: optimizer 'mine' from this notebook)`, or nothing where all parts are PADL's."""
    whose = lambda entry, thing: entry.origin if thing is None else "Python"  # noqa: E731
    names = ", ".join(
        f"{entry.kind} '{entry.name}' from {whose(entry, thing)}" for entry, thing in strangers(parts.values())
    )
    return f" (not PADL's own: {names})" if names else ""


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
        others = {name: x for name, x in optimizer.scalars.items() if name not in fixed}
        jax.eval_shape(one_step, jax.tree.map(np.float32, others))
    except Exception:
        return False
    return True


def _place(error: BaseException) -> str:
    """`file:line, in function` of the last frame that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not ELSEWHERE.search(frame.filename)]
    theirs = [frame for frame in ours if not frame.filename.startswith(f"{HERE}{os.sep}")]
    last = (theirs or ours or frames)[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}"
