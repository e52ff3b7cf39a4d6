"""How far two optimizers part on the same gradients, step by step, and why. difference, OptimizerDifference, Side.

difference("adam@torch", "adam@keras")        one rule as two libraries compute it
difference("adamw", "lion,learning_rate=1e-4")   or any two
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import yaml

from padl.app.names import Part, find, part
from padl.app.optimizer_arrays import MATRIX, goes_by_roles
from padl.app.plugin_errors import one_line_for
from padl.engine.rule_calls import started, updated_once
from padl.optimizers.transformation import needs_of
from padl.registry import near
from padl.types import PadlError

STEPS = 10
SCALES = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)  # of the gradient, a coordinate each
COLUMNS = 4  # of the matrix that two optimizers follow where one goes by roles; its rows are the coordinates
NOT_SETTINGS = ("name", "convention")
SAME = 1e-9  # in float64, of an update: what is nearer is rounding
FORM = "NAME, NAME@CONVENTION or NAME@CONVENTION,KEY=VALUE,..."


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        given: as it was asked for. config: its name and hyperparameters, as used.
        reasons: what its library does otherwise than the paper, and the defaults of its own.
    """

    given: str
    config: Mapping[str, Any]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class OptimizerDifference:
    """What two optimizers do on the same gradients.

    Attributes:
        sides: the two. updates: at each step the largest difference of an update in any coordinate, as a share of the
            largest update of either there. apart: after each step the distance of the two points, as a share of the
            longer way from the start. Both (steps,), in float64.
        shape: of the array that they move: (7,), or of a hidden matrix where one of the two goes by roles.
    """

    sides: tuple[Side, Side]
    updates: np.ndarray
    apart: np.ndarray
    shape: tuple[int, ...]

    @property
    def settings(self) -> dict[str, tuple[Any, Any]]:
        """The hyperparameters that both have and in which they differ, {name: (one, other)}."""
        one, other = (side.config for side in self.sides)
        shared = [name for name in one if name in other and name not in NOT_SETTINGS]
        return {name: (one[name], other[name]) for name in shared if one[name] != other[name]}

    @property
    def own_settings(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The hyperparameters that only the first has, and those that only the second has, with their values."""
        one, other = (side.config for side in self.sides)
        of = lambda mine, theirs: {k: v for k, v in mine.items() if k not in theirs and k not in NOT_SETTINGS}  # noqa: E731
        return of(one, other), of(other, one)

    @property
    def first(self) -> int | None:
        """The first step, counted from 1, at which they part by more than rounding; None where they do not."""
        parted = np.flatnonzero(self.updates > SAME)
        return int(parted[0]) + 1 if len(parted) else None


def difference(one: str, other: str, steps: int = STEPS, seed: int = 0) -> OptimizerDifference:
    """Let two optimizers follow the same gradients, normal ones of very different sizes in seven coordinates.

    Where one of them goes by the roles of parameters, as rules for matrices do, these are the rows of a hidden matrix.

    Args:
        one, other: `FORM`. A convention brings its library's own defaults, which KEY=VALUE replaces.
        steps: >= 1. seed: of the gradients and of what a rule draws.

    Raises:
        PadlError: a name, a convention or a hyperparameter that there is not; an optimizer that reads a loss.
    """
    if steps < 1:
        raise PadlError(f"steps={steps} must be 1 or more")
    sides = _side(one), _side(other)
    by_roles = any(goes_by_roles(find("optimizer", side.config["name"])) for side in sides)
    shape = (len(SCALES), COLUMNS) if by_roles else (len(SCALES),)
    with jax.enable_x64(True):
        paths = [_path(side.config, shape, steps, seed) for side in sides]
    a, b = paths
    moves = [np.abs(np.diff(path, axis=0)) for path in paths]
    largest = np.maximum(*moves)
    between = np.abs(np.diff(a, axis=0) - np.diff(b, axis=0))
    updates = np.divide(between, largest, out=np.zeros_like(between), where=largest > 0).max(1)
    ways = np.maximum(*(np.linalg.norm(path[1:] - path[0], axis=1) for path in paths))
    distance = np.linalg.norm(a[1:] - b[1:], axis=1)
    apart = np.divide(distance, ways, out=np.zeros_like(distance), where=ways > 0)
    return OptimizerDifference(sides, updates, apart, shape)


def _side(given: str) -> Side:
    """Read `adam@keras,eps=1e-3`."""
    name, *words = [word.strip() for word in given.split(",")]
    name, at, convention = name.partition("@")
    entry = find("optimizer", name)
    known = entry.traits.get("conventions", {})
    if at and convention not in known:
        there = ", ".join(known)
        raise PadlError(
            f"optimizer '{name}' has no convention '{convention}'{near(convention, known)} (it has: {there})"
            if known
            else f"optimizer '{name}' is computed alike everywhere, as far as is known: it has no conventions"
        )
    if any("=" not in word for word in words):
        raise PadlError(f"'{given}' does not parse: give {FORM}")
    values = dict(word.split("=", 1) for word in words)
    own = known[convention].defaults if at else {}
    numbers = {**own, **{key: parsed(value) for key, value in values.items()}}
    found = part("optimizer", {"name": name, **numbers, **({"convention": convention} if at else {})})
    reasons = [f"{key}={value:g} is its own default" for key, value in own.items() if key not in values]
    return Side(given, found.config, (*([known[convention].says] if at and known[convention].says else []), *reasons))


def parsed(text: str) -> Any:
    """Read the value of KEY=VALUE as YAML; 1e-3, a text there, is a number."""
    try:
        return float(text) if "e" in text.lower() else yaml.safe_load(text)
    except ValueError:
        return yaml.safe_load(text)


def _path(config: Mapping[str, Any], shape: tuple[int, ...], steps: int, seed: int) -> np.ndarray:
    """The points (steps + 1, numbers of `shape`) of an optimizer, in float64."""
    found = part("optimizer", config)
    with one_line_for({"optimizer": found}):
        return _walked(found, shape, steps, seed)


def _walked(found: Part, shape: tuple[int, ...], steps: int, seed: int) -> np.ndarray:
    roles = {"array": MATRIX} if len(shape) == 2 else None
    optimizer = optax.with_extra_args_support(found.choice(**found.scalars, roles=roles))
    unmet = [need for need in needs_of(optimizer) if need != "key"] if hasattr(optimizer, "needs") else []
    if unmet:
        raise PadlError(
            f"optimizer '{found.entry.name}' reads {', '.join(sorted(unmet))} of a loss, and padl diff has gradients"
            " alone: compare it with padl compare"
        )
    rng = np.random.default_rng(seed)
    scales = np.array(SCALES).reshape(-1, *[1] * (len(shape) - 1))
    start = {"array": jnp.asarray(rng.normal(size=shape))}
    gradients = {"array": jnp.asarray(rng.normal(size=(steps, *shape)) * scales)}

    def step(carry: Any, drawn: Any) -> tuple[Any, jax.Array]:
        point, state = carry
        gradient, key = drawn
        updates, state = updated_once(optimizer, gradient, state, point, {"key": key})
        moved: Any = optax.apply_updates(point, updates)
        return (moved, state), moved["array"].ravel()

    keys = jax.random.split(jax.random.key(seed), steps)
    _, points = jax.jit(lambda c: jax.lax.scan(step, c, (gradients, keys)))((start, started(optimizer, start)))
    return np.concatenate([np.asarray(start["array"]).reshape(1, -1), np.asarray(points)])
