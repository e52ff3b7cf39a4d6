"""Checks of what a loss refuses: targets that cannot be, other shapes, masks of numbers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checked_loss import CheckedLoss, argument_code
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.loss_arguments import WRONG, is_real, spoilt
from padl.types import PadlError


def refused(call: Callable[[], Any], what: str, code: str) -> None:
    """Raise `Failure` where a call is not refused in one line, by a PadlError."""
    try:
        call()
    except PadlError as error:
        if len(str(error).splitlines()) == 1:
            return
        raise Failure(f"{what} is refused in {len(str(error).splitlines())} lines: say it in one", code) from error
    except Exception as error:
        line = str(error).splitlines()[0] if str(error) else ""
        raise Failure(f"{what} raises {type(error).__name__}: {line[:80]}; raise padl.PadlError", code) from error
    raise Failure(f"{what} is taken in silence: raise padl.PadlError", code)


@check("loss", "contract")
def mask_is_boolean(loss: CheckedLoss) -> None:
    """A mask that is no array of True and False is refused: 0.5 would count as True."""
    keep = np.asarray(loss.kept)
    for where, what in ((keep * 0.5, "floats"), (keep.astype(int), "whole numbers"), (keep.tolist(), "a list")):
        abstract = lambda *arguments, where=where: loss(*arguments, where=where)  # noqa: E731
        written = f"jnp.array({where.tolist()})" if isinstance(where, np.ndarray) else repr(where)
        code = loss.refusal(loss.call_code(None, f", where={written}"))
        refused(lambda f=abstract: jax.eval_shape(f, *loss.single()), f"a mask of {what}", code)


@check("loss", "contract")
def refuses_wrong_targets(loss: CheckedLoss) -> None:
    """A target that cannot be, as a label out of range, is refused in one line."""
    for which, value, wrong in _wrong(loss):
        code = loss.refusal(loss.call_code(wrong))
        call = lambda wrong=wrong: loss(*[jnp.asarray(a, jnp.float32 if is_real(a) else None) for a in wrong])  # noqa: E731
        refused(call, f"{value:g} among the {loss.targets} (argument {which + 1})", code)


@check("loss", "contract")
def wrong_targets_compiled(loss: CheckedLoss) -> None:
    """A target that cannot be makes value and gradient NaN where nothing can raise: in a compiled program."""
    for _, value, wrong in _wrong(loss):
        found = loss.at(wrong)
        if not (np.isnan(found["mean"]) and np.isnan(found["gradients"][0][0]).any()):
            f = f"jax.jit(jax.value_and_grad(lambda x: {loss.of_first(wrong)}))"
            code = loss.case(f"loss = {loss.made()}", f"print({f}({argument_code(wrong[0])}))")
            raise Failure(f"compiled, {value:g} among the {loss.targets} gives {found['mean']:.4g}", code)


def _wrong(loss: CheckedLoss) -> list[tuple[int, float, list[np.ndarray]]]:
    """(which argument, value, all arguments) of targets that cannot be."""
    which, values = WRONG.get(loss.targets, (0, ()))
    if which >= len(loss.arguments) or not values:
        raise NotForIt("any target can be")
    if is_real(loss.arguments[which]) and (loss.arguments[which] < 0).any():
        raise NotForIt("its targets are given in another form")
    whole = not is_real(loss.arguments[which])
    return [(which, v, spoilt(loss.arguments, which, v)) for v in values if not whole or v == int(v)]


@check("loss", "contract")
def refuses_other_shapes(loss: CheckedLoss) -> None:
    """Targets of another number of examples, or of one column that would be broadcast, are refused in one line."""
    if len(loss.arguments) < 2 or loss.rows < 2 or loss.targets == "keys":
        raise NotForIt("its arguments may have any number of examples")
    x, y, *rest = loss.arguments
    shapes = [y[:-1]] + ([y[..., :1]] if y.shape == x.shape and y.ndim > 1 else [])
    for other in shapes:
        arguments = [jnp.asarray(a, jnp.float32 if is_real(a) else None) for a in (x, other, *rest)]
        code = loss.refusal(loss.call_code([x, other, *rest]))
        what = f"predictions of shape {x.shape} with targets of shape {other.shape}"
        refused(lambda a=arguments: jax.eval_shape(loss.__call__, *a), what, code)
