"""Checks of a schedule: shares of the peak, from the first step of a training to its last."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checked_item import CheckedItem, apart, differ, other_numbers, refuse_constants
from padl.conformance.checks import Failure, NotForIt, check
from padl.types import Domain

FRACTIONS = np.linspace(0, 1, 101, dtype=np.float32)
PAST = np.nextafter(np.float32(1), np.float32(2))  # what rounding may make of the end
ROUNDING = 1e-5  # some operations of float32 on numbers up to 1
COMBINATIONS = 4000


def _shares(item: CheckedItem, fractions: np.ndarray) -> np.ndarray:
    return np.asarray(item.choice(jnp.asarray(fractions), **item.arrays))


def _case(item: CheckedItem, fraction: float | str, **settings: float) -> str:
    at = fraction if isinstance(fraction, str) else f"jnp.float32({fraction!r})"
    return item.case(f"shape = {item.made(**settings)}", f"print(shape({at}))")


def _ends(domain: Domain, default: float) -> list[float]:
    """The default of a number, the ends of what is searched, and those of its domain that belong to it."""
    ends = [domain.low] * (not domain.low_open) + [domain.high] * (not domain.high_open)
    return list(dict.fromkeys(float(x) for x in (default, *(domain.search or ()), *ends) if np.isfinite(x)))


def _corners(item: CheckedItem) -> list[dict[str, float]]:
    """All its numbers at their defaults and at the ends of their domains, where they go together."""
    values = {name: _ends(item.scalars[name].domain, default) for name, default in item.numbers.items()}
    every = (dict(zip(values, each, strict=True)) for each in itertools.product(*values.values()))
    return [each for each in itertools.islice(every, COMBINATIONS) if item.takes(**each)]


def _of_corners(item: CheckedItem) -> tuple[list[dict[str, float]], np.ndarray]:
    """The corners, and for each the shares at all fractions, (corners, fractions)."""
    corners = _corners(item)
    stacked = {name: jnp.asarray([each[name] for each in corners], jnp.float32) for name in item.numbers}
    index = jnp.zeros(len(corners))  # vmap wants an axis where there are no numbers
    shares = jax.jit(jax.vmap(lambda numbers, _: item.choice(jnp.asarray(FRACTIONS), **numbers)))(stacked, index)
    return corners, np.asarray(shares)


@check("schedule", "behaviour")
def share_is_finite(item: CheckedItem) -> None:
    """It is a number at every fraction of the training, whatever the values of its hyperparameters."""
    corners, shares = _of_corners(item)
    for corner, fraction in np.argwhere(~np.isfinite(shares)):
        at, of = float(FRACTIONS[fraction]), corners[corner]
        raise Failure(f"it is {shares[corner, fraction]} at fraction {at:g} with {of}", _case(item, at, **of))


@check("schedule", "behaviour")
def share_of_the_peak(item: CheckedItem) -> None:
    """It is in [0, 1] at every fraction of the training, whatever the values of its hyperparameters."""
    corners, shares = _of_corners(item)
    for corner, fraction in np.argwhere((shares < 0) | (shares > 1)):
        at, of, share = float(FRACTIONS[fraction]), corners[corner], shares[corner, fraction]
        raise Failure(f"it is {share:.7g} at fraction {at:g} with {of}", _case(item, at, **of))


@check("schedule", "behaviour")
def past_the_end(item: CheckedItem) -> None:
    """It is a number, and none below 0, where rounding puts the last step behind the end."""
    share = float(_shares(item, PAST))
    if not share >= -ROUNDING:
        raise Failure(f"it is {share:g} at fraction {PAST:.7f}", _case(item, float(PAST)))


@check("schedule", "contract")
def share_dtype(item: CheckedItem) -> None:
    """Of float32 fractions it gives float32 shares, of the same shape."""
    fractions = jax.ShapeDtypeStruct((1, 101), jnp.float32)
    shares = jax.eval_shape(lambda f: item.choice(f, **item.arrays), fractions)
    if (shares.shape, shares.dtype) != (fractions.shape, fractions.dtype):
        line = f"of float32[1, 101] it gives {shares.dtype}{[*shares.shape]}"
        code = item.case(f"shape = {item.made()}", "print(jax.typeof(shape(jnp.linspace(0, 1, 101)[None])))")
        raise Failure(line, code)


@check("schedule", "contract")
def vectorised(item: CheckedItem) -> None:
    """Of an array of fractions it gives for each what it gives for that alone."""
    for at in (FRACTIONS[[0, 40, 100]], FRACTIONS[[87, 3]]):
        together = _shares(item, at)
        for i, fraction in enumerate(at):
            alone = _shares(item, fraction)
            if together.shape != at.shape or apart(together[i], alone) > ROUNDING:
                raise Failure(f"at fraction {fraction:g} it is {alone:g} alone, and another in an array", _twice(item))


def _twice(item: CheckedItem) -> str:
    fractions = "jnp.float32([0.0, 0.4, 1.0])"
    return item.case(f"shape = {item.made()}", f"print(shape({fractions}), [float(shape(f)) for f in {fractions}])")


@check("schedule", "contract")
def compiled_alike(item: CheckedItem) -> None:
    """Compiled it gives what it gives step by step."""
    plain = _shares(item, FRACTIONS)
    compiled = jax.jit(lambda f, numbers: item.choice(f, **numbers))(jnp.asarray(FRACTIONS), item.arrays)
    if apart(plain, compiled) > ROUNDING:
        at = FRACTIONS[np.argmax(np.abs(plain - np.asarray(compiled)))]
        code = item.case(f"shape = {item.made()}", f"f = jnp.float32({at})", "print(shape(f), jax.jit(shape)(f))")
        raise Failure(f"compiled it is another at fraction {at:g}", code)


@check("schedule", "contract")
def schedule_scalars_traced(item: CheckedItem) -> None:
    """Its numbers are data: it is traced without knowing them, and each is a `Scalar`."""
    refuse_constants(item)
    if not item.numbers:
        raise NotForIt("it has no numbers")
    for name in item.numbers:
        try:
            jax.eval_shape(lambda f, x, name=name: item.choice(f, **{**item.numbers, name: x}), 0.5, 0.5)
        except jax.errors.JAXTypeError as error:
            value = item.numbers[name]
            code = item.case(
                "try:",
                f"    print(jax.jit(lambda x: {item.made()[:-1]}, {name}=x)(0.5))({value!r}))",
                "except Exception as error:",
                "    print(error)",
            )
            raise Failure(f"{name} is looked at in Python: {str(error).splitlines()[0]}", code) from error


@check("schedule", "behaviour")
def schedule_numbers_bite(item: CheckedItem) -> None:
    """Each of its numbers changes its shape."""
    if not item.knobs:
        raise NotForIt("it has no numbers")
    before = _shares(item, FRACTIONS)
    for name in item.knobs:
        others = other_numbers(item, name)
        if not any(differ(before, _shares(item.having(**{name: x}), FRACTIONS)) for x in others):
            first = others[0] if others else item.numbers[name]
            raise Failure(f"{name} changes nothing", _case(item, "jnp.linspace(0, 1, 11)", **{name: first}))
