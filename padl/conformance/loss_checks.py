"""Checks of what a loss gives back: reductions, under masks, in batches, compiled, of half precision, traced."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checked_item import apart, refuse_constants
from padl.conformance.checked_loss import CheckedLoss, argument_code
from padl.conformance.checks import Failure, NotForIt, check

DOUBLE = 1e-9  # of float64, some operations in another order
HALF = 1e-3  # far less than the 4e-3 that an operation in bfloat16 loses
MASKED = ", where=jnp.arange({}) % 3 != 0"


@check("loss", "contract")
def where_and_reduction(loss: CheckedLoss) -> None:
    """It takes `where`, a mask of examples, and `reduction`, "sum_and_count" among others: training calls it so."""
    if loss.lacks:
        code = loss.case("import inspect", f"print(inspect.signature({loss.made()}))")
        end = "padl.losses.reduce.reduce(values, where=where, reduction=reduction)"
        raise Failure(f"it takes no argument `{loss.lacks[0]}`: end it with {end}", code)


@check("loss", "contract")
def reductions(loss: CheckedLoss) -> None:
    """Unreduced it has a number for each example or element; "sum" is theirs, "mean" sum over count of the pair."""
    found = loss.measured
    values, (total, count) = np.asarray(found["none"]), found["sum_and_count"]
    shown = "print([loss({}, reduction=r) for r in ('none', 'sum', 'mean', 'sum_and_count')])"
    inner = loss.call_code().removeprefix("loss(").removesuffix(")")
    code = loss.case(f"loss = {loss.made()}", shown.format(inner))
    if not values.ndim or len(values) % loss.rows:
        raise Failure(f"reduction='none' of {loss.rows} examples gives an array of shape {values.shape}", code)
    if not np.shape(found["sum"]) == np.shape(found["mean"]) == np.shape(total) == np.shape(count) == ():
        raise Failure("'sum', 'mean' and both of 'sum_and_count' are to be single numbers", code)
    if apart(found["sum"], values.sum()) > DOUBLE:
        raise Failure(
            f"the sum of the values is {values.sum():.6g}, and reduction='sum' gives {found['sum']:.6g}", code
        )
    if apart(found["mean"], total / count if count else 0) > DOUBLE:
        raise Failure(f"sum / count is {total:.6g} / {count:.6g}, and the mean {found['mean']:.6g}", code)


@check("loss", "contract")
def masked(loss: CheckedLoss) -> None:
    """What `where` leaves out reaches neither value nor gradient, even as NaN; the others are as they are alone."""
    kept, poisoned = loss.kept, loss.poisoned()
    found = loss.at(poisoned, kept)
    values, (total, count) = np.asarray(found["values"]), found["pair"]
    call = loss.of_first(poisoned, MASKED.format(loss.rows))
    code = loss.case(f"loss = {loss.made()}", f"print(jax.value_and_grad(lambda x: {call})({_first(poisoned)}))")
    keep = np.tile(kept, len(values) // loss.rows)
    if values[~keep].any() or not np.isfinite([found["sum"], found["mean"]]).all():
        raise Failure("what a mask leaves out is in the value", code)
    if apart(found["mean"], total / count if count else 0) > DOUBLE:
        raise Failure(f"under a mask sum / count is {total:.6g} / {count:.6g}, and the mean {found['mean']:.6g}", code)
    for i, gradient in zip(loss.smooth, found["gradients"], strict=True):
        if not np.isfinite(gradient).all():
            raise Failure(f"what a mask leaves out makes the gradient in argument {i + 1} NaN or infinite", code)
        if i not in loss.whole and gradient[~kept].any():
            raise Failure(f"what a mask leaves out has a gradient in argument {i + 1}", code)
    if apart(values[keep], _alone(loss, keep)) > DOUBLE:
        raise Failure("what a mask keeps has other values than alone", code)
    if loss.is_separate:
        rest, whole = loss.at(loss.arguments, ~kept)["pair"], np.asarray(loss.measured["sum_and_count"])
        if apart(np.add(rest, (total, count)), whole) > DOUBLE:
            line = f"a mask gives (sum, count) {total:.6g}, {count:.6g}, its opposite {rest[0]:.6g}, {rest[1]:.6g}"
            raise Failure(f"{line}, and without one it is {whole[0]:.6g}, {whole[1]:.6g}", code)


def _alone(loss: CheckedLoss, keep: np.ndarray) -> np.ndarray:
    """The values of the examples that the mask keeps, without the others."""
    if loss.is_separate:
        return np.asarray(loss.measured["none"])[keep]
    with jax.enable_x64(True):
        rows = [jnp.asarray(a[loss.kept]) for a in loss.arguments]
        return np.asarray(jax.jit(lambda *rows: loss(*rows, reduction="none"))(*rows))


def _first(arguments: Any) -> str:
    return argument_code(arguments[0])


@check("loss", "contract")
def nothing_kept(loss: CheckedLoss) -> None:
    """Under a mask that keeps nothing the mean is 0, with gradient 0."""
    found = loss.at(loss.arguments, np.zeros(loss.rows, bool))
    if found["mean"] != 0 or found["sum"] != 0 or any(np.any(g != 0) for g in found["gradients"]):
        code = loss.shown(None, f", where=jnp.zeros({loss.rows}, bool)")
        raise Failure(f"where nothing is kept the mean is {found['mean']:g}", code)


@check("loss", "contract")
def adds_up(loss: CheckedLoss) -> None:
    """The pairs of "sum_and_count" of parts of a batch add up to that of the batch: accumulation relies on it."""
    if not loss.is_separate:
        raise NotForIt("an example's value depends on the others")
    if loss.rows < 2:
        raise NotForIt("there is one example")
    whole, parts = np.asarray(loss.measured["sum_and_count"]), np.asarray(loss.parts[0]).sum(1)
    if apart(parts, whole) > DOUBLE:
        halves = [[a if i in loss.whole else a[k::2] for i, a in enumerate(loss.arguments)] for k in (0, 1)]
        option = ", reduction='sum_and_count'"
        code = loss.case(
            f"loss = {loss.made()}",
            f"print({', '.join(loss.call_code(each, option) for each in halves)})",
            f"print({loss.call_code(None, option)})",
        )
        raise Failure(f"parts add up to {parts}, the batch is {whole}", code)


@check("loss", "contract")
def vmap_is_a_loop(loss: CheckedLoss) -> None:
    """Under `jax.vmap` it gives for each batch what it gives for that alone."""
    together, alone = loss.parts
    if apart([x[0] for x in together], alone) > DOUBLE:
        part = [a if i in loss.whole else a[0] for i, a in enumerate(loss.cut)]
        names = [f"x{i}" for i in range(len(part))]
        lines = [f"{name} = {argument_code(a)}" for name, a in zip(names, part, strict=True)]
        stacked = ", ".join(f"jnp.stack([{name}] * 2)" for name in names)
        call = f"print(jax.vmap(loss)({stacked}), loss({', '.join(names)}))"
        code = loss.case(f"loss = {loss.made()}", *lines, call)
        raise Failure(f"under vmap a batch gives {float(together[0][0]):.6g}, alone {float(alone[0]):.6g}", code)


@check("loss", "contract")
def compiled_loss(loss: CheckedLoss) -> None:
    """Compiled it gives what it gives step by step."""
    with jax.enable_x64(True):
        plain = loss(*[jnp.asarray(a) for a in loss.arguments], reduction="none")
    if apart(plain, loss.measured["none"]) > DOUBLE:
        names = ", ".join(f"x{i}" for i in range(len(loss.arguments)))
        lines = [f"x{i} = {argument_code(a)}" for i, a in enumerate(loss.arguments)]
        code = loss.case(f"loss = {loss.made()}", *lines, f"print(loss({names}), jax.jit(loss)({names}))")
        raise Failure(f"compiled it is another: {apart(plain, loss.measured['none']):.2g} apart", code)


@check("loss", "contract")
def loss_dtypes(loss: CheckedLoss) -> None:
    """Of half precision and float32 it is float32, and each gradient has the dtype of its argument."""
    for dtype in ("bfloat16", "float16", "float32"):
        arguments = loss.single(dtype)
        smooth = [arguments[i] for i in loss.smooth]
        f = lambda *smooth, a=arguments: loss(*loss.fill(a, smooth))  # noqa: E731
        value, gradients = jax.eval_shape(jax.value_and_grad(f, tuple(range(len(smooth)))), *smooth)
        first = f"{_first(loss.arguments)}.astype('{dtype}')"
        call = loss.call_code().replace("loss(" + _first(loss.arguments), f"loss({first}", 1)
        code = loss.case(f"loss = {loss.made()}", f"print(jax.typeof({call}))")
        if value.dtype != jnp.float32:
            raise Failure(f"of {dtype} it is {value.dtype}: compute and give float32", code)
        if {g.dtype for g in gradients} != {jnp.dtype(dtype)}:
            raise Failure(f"the gradients of {dtype} arguments are {gradients[0].dtype}", code)


@check("loss", "contract")
def computes_in_float32(loss: CheckedLoss) -> None:
    """Of bfloat16 it gives what it gives of the same numbers in float32: it rounds nothing on its way."""
    unchecked = loss.having(validate=False) if "validate" in loss.entry.hyperparameters else loss  # chances are rounded

    @partial(jax.jit, compiler_options={"xla_allow_excess_precision": False})  # or XLA leaves out what rounds
    def both(*half: Any) -> Any:
        single = [a.astype(jnp.float32) if jnp.issubdtype(a.dtype, jnp.floating) else a for a in half]
        return unchecked(*half, reduction="none"), unchecked(*single, reduction="none")

    found, expected = both(*loss.single(jnp.bfloat16))
    if apart(found, expected) > HALF:
        first = f"{_first(loss.arguments)}.astype('bfloat16')"
        rest = loss.call_code().removeprefix("loss(" + _first(loss.arguments))
        code = loss.case(
            f"loss = {loss.made()}", f"x = {first}", f"print(loss(x{rest}, loss(x.astype('float32'){rest})"
        )
        raise Failure(f"of bfloat16 it is {apart(found, expected):.2g} off: convert to float32 first", code)


@check("loss", "contract")
def loss_scalars_traced(loss: CheckedLoss) -> None:
    """Its numbers are data: it is traced without knowing them, and each is a `Scalar`."""
    refuse_constants(loss)
    if not loss.numbers:
        raise NotForIt("it has no numbers")
    for name, value in loss.numbers.items():
        try:
            jax.eval_shape(lambda x, *a, name=name: loss(*a, numbers={**loss.numbers, name: x}), 0.5, *loss.single())
        except jax.errors.JAXTypeError as error:
            call = f"{loss.made()[:-1]}, {name}=x){loss.call_code().removeprefix('loss')}"
            code = loss.case(
                "try:", f"    print(jax.jit(lambda x: {call})({value!r}))", "except Exception as error:",
                "    print(error)",
            )  # fmt: skip
            raise Failure(f"{name} is looked at in Python: {str(error).splitlines()[0]}", code) from error
