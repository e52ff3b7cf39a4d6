"""Let optimizers walk a landscape: each one, at each learning rate, from each start, in one compiled program.

`begin` starts the program, `finish` waits for the trajectories; `run` is both. Optimizers come as functions, with
numbers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.compare.comparison import Trajectory
from padl.compare.walk import ProgramKey, compiled
from padl.registry import StaticPartial
from padl.surfaces.landscape import Landscape, nearest, traceable

RATES = tuple(float(rate) for rate in np.logspace(-4, 1, 16))


class Candidate(NamedTuple):
    """An optimizer to compare.

    Attributes:
        make: (scalars) -> an Optax transformation.
        scalars: its numbers, traced. Those of the comparison replace `learning_rate`; without that key the optimizer
            has no learning rate.
        full_batch: whether it takes all rows at every step, whatever the batch size, as `gd` does.
        rates: learning rates of its own, which it tries in the place of those of the comparison; () for those.
    """

    make: StaticPartial
    scalars: Mapping[str, float]
    full_batch: bool = False
    rates: tuple[float, ...] = ()

    @property
    def rated(self) -> bool:
        return "learning_rate" in self.scalars


class Race(NamedTuple):
    """A program that was started, and what is needed to make trajectories of its outputs.

    Attributes:
        landscape, candidates, batch_size: as `begin` got them. rates: of each candidate, (R,), rising.
        outputs: for each candidate points (R, S, T + 1, D) and losses (R, S, T + 1), perhaps still being computed.
    """

    landscape: Landscape
    candidates: Mapping[str, Candidate]
    rates: list[np.ndarray]
    batch_size: int | None
    outputs: list[tuple[jax.Array, jax.Array]]


def run(
    landscape: Landscape, candidates: Mapping[str, Candidate], starts: np.ndarray, **options: Any
) -> dict[str, Trajectory]:
    """Return the trajectories of optimizers, by their labels. Arguments, and what raises: of `begin`."""
    return finish(begin(landscape, candidates, starts, **options))


def begin(
    landscape: Landscape,
    candidates: Mapping[str, Candidate],
    starts: np.ndarray,
    *,
    rates: Sequence[float] = RATES,
    steps: int = 500,
    seed: int = 0,
    noise: float = 0.0,
    batch_size: int | None = None,
) -> Race:
    """Start optimizers on a landscape; while the device is busy the caller may do other things.

    Every optimizer has a lane for each learning rate and start; all lanes of all optimizers are one program, in which
    hyperparameters, starts, noise and the landscape's own numbers are data. A lane whose point or height is no longer
    finite is NaN from that step on.

    Args:
        candidates: by their labels. starts: (S, D). steps: T.
        rates: learning rates, tried by every optimizer that has one and none of its own.
        noise: standard deviation of Gaussian noise on each coordinate of the gradient.
        batch_size: rows that a step looks at, drawn anew at each; None for all. For a landscape with rows.

    Raises:
        PadlError: an optimizer whose updates are not of the form of the point. What a stranger's raises comes through.
    """
    program, arguments = _program(landscape, candidates, starts, rates, steps, seed, noise, batch_size)
    return Race(landscape, candidates, _rising(candidates, rates), batch_size, program(*arguments))


def trace(landscape: Landscape, candidates: Mapping[str, Candidate], starts: np.ndarray, **options: Any) -> None:
    """Raise what tracing the program of `begin` raises, and run nothing."""
    program, arguments = _program(landscape, candidates, starts, **options)
    program.eval_shape(*arguments)


def finish(race: Race) -> dict[str, Trajectory]:
    """Wait for a race, and return its trajectories on the host."""
    trajectories = {}
    outputs = jax.device_get(race.outputs)
    for (label, candidate), tried, (points, losses) in zip(race.candidates.items(), race.rates, outputs, strict=True):
        rows = race.landscape.rows if race.batch_size is None or candidate.full_batch else race.batch_size
        rates, distances = tried if candidate.rated else None, nearest(race.landscape, points)
        trajectories[label] = Trajectory(rates, points, losses, distances, max(rows, 1))
    return trajectories


def _program(
    landscape: Landscape,
    candidates: Mapping[str, Candidate],
    starts: np.ndarray,
    rates: Sequence[float],
    steps: int,
    seed: int,
    noise: float,
    batch_size: int | None,
) -> tuple[Any, tuple[Any, ...]]:
    """The program and its arguments: all numbers as the device takes them."""
    optimizers = tuple((c.make, c.rated, c.full_batch) for c in candidates.values())
    scalars = [
        jax.tree.map(np.float32, {k: v for k, v in candidate.scalars.items() if k != "learning_rate"})
        for candidate in candidates.values()
    ]
    sampled = traceable(landscape.sampled) if landscape.sampled and batch_size else None
    numbers = np.asarray(starts, np.float32), _rising(candidates, rates), np.float32(noise), np.uint32(seed)
    forms, roles = tuple(landscape.forms.items()), landscape.declared()
    program = ProgramKey(optimizers, steps, noise > 0, batch_size, landscape.rows > 0, forms, roles)
    return compiled(program), ((traceable(landscape.height), sampled), scalars, *numbers)


def _rising(candidates: Mapping[str, Candidate], rates: Sequence[float]) -> list[np.ndarray]:
    """The learning rates that each candidate tries."""
    return [np.sort(np.asarray(candidate.rates or rates, np.float32)) for candidate in candidates.values()]
