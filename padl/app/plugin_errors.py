"""What a plugin raises, as one line that says where: one_line_for, one_line_in_training, one_line_of_plugins, told.

The place is the author's: the last line in a plugin's own files, and where none of them was running, as when JAX
refuses what a function returned, that of the decorator.
"""

import os
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from padl.app.names import Part, strangers
from padl.origins import HERE
from padl.registry import Entry
from padl.rule_errors import RuleError, code_place
from padl.types import Kind, PadlError, one_line

ELSEWHERE = re.compile("site-packages|^<(?!stdin|python-input|ipython-input)")  # no files, but what a prompt has
KEPT = (
    "a value is used that was computed while JAX traced another function: something outside, as a global, an attribute"
    " or a default, keeps it; return it in the state instead"
)
ARGUMENTS_MORE = re.compile(
    r"compiled for \d+ inputs but called with \d+"
)  # what JAX says of one that it did not notice
Strange = Sequence[tuple[Entry, Any]]  # what of a run is not PADL's own, with the thing from Python where it is one


@contextmanager
def one_line_for(parts: Mapping[Kind, Part]) -> Iterator[None]:
    """Turn what tracing these parts of a run raises into a PadlError, where a plugin is among them or branches.

    A rule that decides a Python branch by a traced value is named with the hyperparameter; any other error of a run
    with plugins is told with its place and their names; of a run without, it comes through.
    """
    try:
        yield
    except jax.errors.ConcretizationTypeError as error:
        strange, name = strangers(parts.values()), _branched_on(parts)
        value = f"the value of optimizer.{name}" if name else "a traced value"
        advice = ", or annotate the argument int, bool or Literal to make it part of the program" if name else ""
        raise PadlError(
            f"{_place(error, strange)} decides a Python branch by {value}: use jnp.where or jax.lax.cond{advice}"
        ) from error
    except Exception as error:
        line = one_line_of(error, parts.values())
        if not line or (isinstance(error, PadlError) and not isinstance(error, RuleError)):
            raise
        raise PadlError(line) from error


class TrainingError(PadlError):
    """A program raised while it trained: what is wrong with it need not be wrong with another."""


@contextmanager
def one_line_in_training(parts: Mapping[Kind, Part]) -> Iterator[None]:
    """Turn what ends a training into a TrainingError with its place and the plugins of the run.

    What the disk says comes through, and any other PadlError.
    """
    try:
        yield
    except (PadlError, OSError) as error:
        if not isinstance(error, RuleError):
            raise
        raise _training_error(error, parts) from error
    except Exception as error:
        raise _training_error(error, parts) from error


def _training_error(error: Exception, parts: Mapping[Kind, Part]) -> TrainingError:
    strange = strangers(parts.values())
    return TrainingError(told(error, strange) + _names(strange))


def one_line_of_plugins(parts: Mapping[Kind, Part]) -> AbstractContextManager[None]:
    """Do as `one_line_in_training` where a plugin is among the parts; what PADL's own code raises comes through."""
    return one_line_in_training(parts) if strangers(parts.values()) else nullcontext()


def one_line_of(error: Exception, parts: Iterable[Part]) -> str:
    """Return what was raised with these parts in one line, `told` with the names of the strangers among them; "" where
    there are none."""
    strange = strangers(parts)
    return told(error, strange) + _names(strange) if strange else ""


def told(error: Exception, strange: Strange) -> str:
    """Return `file:line, in function: what it says`.

    Args:
        error: what code raised that these were part of, or what tracing it did.
    """
    place, reason = _told_place(error) or (_place(error, strange), one_line(error))
    if isinstance(error, RuleError):
        place, reason = error.place or place, str(error).removeprefix(f"{error.place}: ")
    if isinstance(error, jax.errors.UnexpectedTracerError) or ARGUMENTS_MORE.search(reason):
        reason = KEPT
    return f"{place}: {reason}"


def _names(strange: Strange) -> str:
    """` (not PADL's own: optimizer 'mine' from this notebook)`, or nothing where there are none."""
    whose = lambda entry, thing: entry.origin if thing is None else "Python"  # noqa: E731
    names = ", ".join(f"{entry.kind} '{entry.name}' from {whose(entry, thing)}" for entry, thing in strange)
    return f" (not PADL's own: {names})" if names else ""


def _told_place(error: Exception) -> tuple[str, str] | None:
    """Place and reason of what Python code that a compiled program called raised: JAX tells its traceback as text."""
    frames = re.findall(r'File "([^"]+)", line (\d+), in (\S+)', str(error))
    if not frames:
        return None
    file, line, name = ([frame for frame in frames if "site-packages" not in frame[0]] or frames)[-1]
    return f"{file}:{line}, in {name}", str(error).strip().splitlines()[-1]


def _branched_on(parts: Mapping[Kind, Part]) -> str:
    """The traced hyperparameter that a rule's Python code looked at, without which it does not; "" for none."""
    optimizer = parts["optimizer"]
    names = [] if _builds(optimizer) else [name for name in optimizer.scalars if _builds(optimizer, name)]
    return names[0] if names else ""


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


def _place(error: BaseException, strange: Strange) -> str:
    """`file:line, in function` of the last frame in a stranger's files, or else that is not a library's; where no such
    frame is among them, of the code that registered the first stranger."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not ELSEWHERE.search(frame.filename)]
    of_strangers = [frame for frame in frames if any(_is_of(frame.filename, entry) for entry, _ in strange)]
    theirs = [frame for frame in ours if not frame.filename.startswith(f"{HERE}{os.sep}")]
    if not (of_strangers or theirs) and (written := _written(strange)):
        return written
    last = (of_strangers or theirs or ours or frames)[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}"


def _is_of(file: str, entry: Entry) -> bool:
    """Whether a file is one of the package that registered an entry, or lies beside the file that did."""
    if entry.place is None:
        return False
    home, packages = Path(entry.place.file), entry.place.module.count(".")
    if packages:
        return home.parents[packages - 1] in Path(file).parents
    return file == entry.place.file or (Path(file).parent == home.parent and not file.startswith("<"))


def _written(strange: Strange) -> str:
    """Where the first optimizer among strangers was registered, or else the first of them; "" where that is not known.

    An optimizer is what most is asked of: it comes first.
    """
    for entry, thing in sorted(strange, key=lambda each: each[0].kind != "optimizer"):
        made_of = getattr(entry.function, "made_of", None)
        place = str(entry.place) if entry.place and thing is None else code_place(getattr(made_of, "update", made_of))
        if place:
            return place
    return ""
