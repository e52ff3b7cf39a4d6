"""Compares an optimizer with its author's own NumPy function of a few lines. oracle_check, arguments_of.

def lion(w, grads, learning_rate, b1, b2):      # float64: w (...), grads (steps, ...)
    m = np.zeros_like(w)
    for g in grads:
        w = w - learning_rate * np.sign(b1 * m + (1 - b1) * g)
        m = b2 * m + (1 - b2) * g
        yield w
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from padl.conformance.cases import case, steps_of
from padl.conformance.checked_optimizer import CheckedOptimizer, distance, size
from padl.conformance.checks import Check, Failure, NotForIt
from padl.conformance.optimizer_descent import others
from padl.conformance.problems import START, Stream, given
from padl.types import PyTree, one_line

Oracle = Callable[..., Any]  # (w, grads, **hyperparameters) -> w after each step
STEPS = 20
ARRAYS: tuple[PyTree, ...] = (  # the name says the role of each
    {"bias": START["bias"]},
    {"kernel": START["kernel"]},
    {"scale": np.array(0.5)},
)
SIZES = (1.0, 0.1, 10.0, 0.01, 1.0)  # of the gradient, over and over: what is added to a root, and clips, show
DIGITS = 4  # behind the point, of a gradient: as many as a case has
TOLERANCE = 1e-9  # of the largest update, in float64
ROUNDING = 1e-14  # of the largest parameter: what adding an update to it loses, and that of every step before


def oracle_check(function: Oracle | None) -> Check:
    """Make the check that compares with a function; None for its promise alone."""

    def oracle(rule: CheckedOptimizer) -> None:
        """It goes where the author's own function of NumPy goes: 20 steps in float64, each number also otherwise."""
        assert function is not None
        compare_with(function, rule)

    return Check("optimizer", "behaviour", oracle)


def arguments_of(function: Oracle, rule: CheckedOptimizer) -> tuple[list[str], list[str]]:
    """Tell which of an optimizer's numbers a function has no argument for, and which arguments nobody gives it."""
    parameters = list(inspect.signature(function).parameters.values())
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)][2:]
    required = [p.name for p in parameters[2:] if p.default is p.empty and p.name in names]
    known = {**rule.own_numbers, **_choices(rule)}
    missing = [] if takes_all else [name for name in rule.own_numbers if name not in names]
    return missing, [name for name in required if name not in known]


def _choices(rule: CheckedOptimizer) -> dict[str, Any]:
    """What chooses the program, of which a function takes what it has an argument for."""
    return dict(getattr(rule.split({})[0], "static", ()))


def compare_with(function: Oracle, rule: CheckedOptimizer) -> None:
    """Raise `Failure` where an optimizer goes another way than a function.

    It is given one array, at the defaults, and at another value of each number that is data, one at a time.
    """
    beside = sorted(rule.needs - {"grad"})
    if beside:
        raise NotForIt(f"it reads {', '.join(beside)}, and a function of NumPy is given gradients alone")
    for start in ARRAYS if rule.start is START else (rule.start,):
        on = rule.at(start)
        stream = given(start, STEPS).scaled(np.resize(SIZES, STEPS)).changed(lambda _, c: np.round(c, DIGITS))
        for numbers in settings(on):
            _compare(function, on, stream, numbers)


def settings(rule: CheckedOptimizer) -> Iterator[dict[str, float]]:
    """The numbers to compare at: none but the defaults; then another value of each, within its domain."""
    yield {}
    for name, value in rule.own_numbers.items():
        other = next(iter(others(value, rule.domains[name])), None)
        if other is not None:
            yield {name: other}


def _compare(function: Oracle, rule: CheckedOptimizer, stream: Stream, numbers: Mapping[str, float]) -> None:
    course = rule.course(stream, numbers)
    at = ", ".join(f"{name}={x:.6g}" for name, x in numbers.items()) or "its defaults"
    for name, w in rule.start.items():
        path = _path_of(function, rule, w, stream.c[name], numbers, at)
        near = TOLERANCE * size(course.updates) + ROUNDING * size(course.path)
        apart = [distance(one, other) for one, other in zip(path, course.path[name], strict=True)]
        step = next((k for k, x in enumerate(apart) if not x <= near), None)
        if step is None:
            continue
        before = w if step == 0 else path[step - 1]
        moved = distance(path[step], before)
        share = f", {apart[step] / moved:.2g} of the step" if moved and np.isfinite(apart[step]) else ""
        shape = f"an array of shape {np.shape(w)}" if np.ndim(w) else "one number"
        end = f"optax.apply_updates(params, updates)[{name!r}]" if step == 0 else f"params[{name!r}]"
        ending = f"print({end}.tolist())  # the oracle has {path[step].tolist()}"
        first, *lines = case(rule, steps_of(stream.c, step + 1), numbers, ending).splitlines()
        raise Failure(
            f"at {at}, on {shape}, step {step + 1} of {STEPS} is {apart[step]:.2g} off the oracle{share}",
            "\n".join([first, "jax.config.update('jax_enable_x64', True)", *lines]),
        )


def _path_of(
    function: Oracle, rule: CheckedOptimizer, w: np.ndarray, grads: np.ndarray, numbers: Mapping[str, float], at: str
) -> np.ndarray:
    """Where a function goes: (steps, ...). `Failure` where it raises, or gives something else."""
    names = inspect.signature(function).parameters
    choices = {name: x for name, x in _choices(rule).items() if name in names}
    values = {name: float(x) for name, x in {**rule.own_numbers, **numbers}.items()}
    try:
        with np.errstate(all="ignore"):
            made = function(np.array(w, float), np.array(grads, float), **choices, **values)
            path = [np.array(x, float) for x in made]
    except Exception as error:  # a stranger's function
        raise Failure(f"the oracle raises {one_line(error)}, at {at}") from error
    shapes = {x.shape for x in path}
    if len(path) != len(grads) or shapes != {np.shape(w)}:
        found = f"{len(path)} arrays of shape {' and '.join(map(str, sorted(shapes)))}"
        raise Failure(f"the oracle is to give w after each of {len(grads)} steps, {np.shape(w)}, and gives {found}")
    return np.stack(path)
