"""Checks of a loss as a function: its derivatives and range, whether it is convex, far out, whether numbers matter."""

import re

import numpy as np

from padl.conformance.checked_item import apart, differ, other_numbers
from padl.conformance.checked_loss import CheckedLoss, argument_code
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.loss_arguments import extremes
from padl.types import PadlError

SLOPE = 1e-6  # of central differences with h = 1e-6 in float64: h² and 1e-16 / h
CURVATURE = 1e-5  # of those of a gradient
EXACT = 1e-9
ROUNDING = 1e-12


def _derivative(loss: CheckedLoss, of: str) -> str:
    """A case that prints a derivative in the first argument, and a difference."""
    first = argument_code(loss.arguments[0])
    return loss.case(
        "jax.config.update('jax_enable_x64', True)", f"loss = {loss.made()}", f"f = lambda x: {loss.of_first()}",
        f"x, d, h = {first}, {argument_code(loss.directions[0][0])}, 1e-6", *of.splitlines(),
    )  # fmt: skip


@check("loss", "behaviour")
def gradient_is_the_slope(loss: CheckedLoss) -> None:
    """Its gradient is the slope that differences have, in every real argument, backward and forward."""
    found = loss.measured
    slope, differences, forward = (float(found[name]) for name in ("backward", "differences", "forward"))
    code = _derivative(loss, "print(jnp.sum(jax.grad(f)(x) * d), (f(x + h * d) - f(x - h * d)) / (2 * h))")
    if not abs(slope - differences) <= SLOPE * max(1.0, abs(differences)):
        raise Failure(f"the slope by its gradient is {slope:.6g}, by differences {differences:.6g}", code)
    if apart(forward, slope) > EXACT:
        raise Failure(f"the slope is {slope:.6g} backward, and {forward:.6g} forward", code)


@check("loss", "behaviour")
def hessian(loss: CheckedLoss) -> None:
    """Its second derivatives are finite, symmetric, and the slopes of its gradient."""
    found = loss.measured
    code = _derivative(
        loss, "g = jax.grad(f)\nprint(jax.jvp(g, (x,), (d,))[1], (g(x + h * d) - g(x - h * d)) / (2 * h), sep='\\n')"
    )
    for turned, differences in zip(found["turned"], found["turned by differences"], strict=True):
        if not np.isfinite(turned).all():
            raise Failure("a second derivative is NaN or infinite", code)
        if apart(turned, differences) > CURVATURE:
            raise Failure(f"a second derivative is {apart(turned, differences):.2g} off from differences", code)
    one, other = map(float, found["symmetry"])
    if abs(one - other) > EXACT * max(1.0, abs(one)):
        raise Failure(f"the matrix of second derivatives is not symmetric: vᵀHu is {one:.6g}, uᵀHv {other:.6g}", code)


@check("loss", "behaviour")
def convex(loss: CheckedLoss) -> None:
    """Where it says `convex=True`, its values at the middle of two predictions are at most the mean of theirs."""
    if not loss.traits.get("convex"):
        raise NotForIt("it does not say that it is convex")
    first, *rest = loss.arguments
    at = lambda x: np.asarray(loss.at([x, *rest])["values"])  # noqa: E731
    for scale in (0.3, 2.0):
        other = _allowed(loss, first + scale * loss.directions[0][0])
        middle, ends = at((first + other) / 2), (at(first) + at(other)) / 2
        if (middle > ends + ROUNDING * np.maximum(1, np.abs(ends))).any():
            three = [argument_code(x) for x in (first, (first + other) / 2, other)]
            code = loss.case(f"loss = {loss.made()}", f"print([{loss.of_first()} for x in [{', '.join(three)}]])")
            raise Failure("at the middle of two predictions it is above the mean of both", code)


def _allowed(loss: CheckedLoss, x: np.ndarray) -> np.ndarray:
    """Predictions that its word allows."""
    if loss.predictions == "probabilities":
        return np.clip(x, 0, 1)
    if loss.predictions == "log_probabilities":
        return np.minimum(x, 0)
    return np.abs(x) if loss.predictions == "distances" or (loss.arguments[0] >= 0).all() else x


@check("loss", "behaviour")
def within_its_range(loss: CheckedLoss) -> None:
    """Its values are in the range that it declares, and are finite."""
    values = np.asarray(loss.measured["none"])
    if not np.isfinite(values).all():
        raise Failure(f"it is {values[~np.isfinite(values)][0]} for usual arguments", loss.shown())
    said = loss.traits.get("range", "")
    interval = re.fullmatch(r"\[(\S+), (\S+)[\])]", said)  # "[0, 2]"; other words say more than two numbers
    low, high = (float(x.replace("∞", "inf")) for x in interval.groups()) if interval else (-np.inf, np.inf)
    bad = values[(values < low - ROUNDING) | (values > high + ROUNDING)]
    if bad.size:
        raise Failure(f"it is {bad[0]:.6g}, and declares the range {said}", loss.shown(None, ", reduction='none'"))


@check("loss", "behaviour")
def far_out(loss: CheckedLoss) -> None:
    """Far out, at zero, and where predictions are right to the bit, value and gradient are finite."""
    every = extremes(loss.predictions, loss.targets, loss.arguments)
    if not every:
        raise NotForIt(f"nothing is far out of predictions={loss.predictions!r}")
    for what, arguments in every.items():
        try:
            found = loss.at(arguments)
        except PadlError:
            continue  # it refuses them
        f = f"jax.value_and_grad(lambda x: {loss.of_first(arguments)})"
        code = loss.case(f"loss = {loss.made()}", f"print({f}({argument_code(arguments[0])}))")
        if not np.isfinite(found["mean"]):
            raise Failure(f"for {what} it is {found['mean']}", code)
        if not all(np.isfinite(g).all() for g in found["gradients"]):
            raise Failure(f"for {what} its gradient is NaN or infinite", code)


@check("loss", "behaviour")
def loss_numbers_bite(loss: CheckedLoss) -> None:
    """Each of its numbers changes its values or its gradient."""
    if not loss.knobs:
        raise NotForIt("it has no numbers")
    before = loss.at(loss.arguments)
    for name in loss.knobs:
        others = other_numbers(loss, name)
        if not any(differ(before, _with(loss, name, x)) for x in others) and not _refused_by_others(loss, name):
            first = others[0] if others else loss.numbers.get(name)
            both = f"({loss.made()}, {loss.made(**{name: first})})"
            raise Failure(f"{name} changes nothing", loss.case(f"print([{loss.call_code()} for loss in {both}])"))


def _with(loss: CheckedLoss, name: str, value: float) -> object:
    """What it is with another value of a number; one that is left out by default is another program."""
    if name in loss.numbers:
        return loss.at(loss.arguments, numbers={name: value})
    return loss.having(**{name: value}).at(loss.arguments)


def _refused_by_others(loss: CheckedLoss, name: str) -> bool:
    """Whether another value is refused beside the others, as what has no part: it is not ignored in silence."""
    h = loss.entry.hyperparameters[name]
    inside = [x for x in (*(h.domain.search or ()), 0.5, 1.0) if x in h.domain]
    return bool(inside) and not any(loss.takes(**{name: x}) for x in inside)
