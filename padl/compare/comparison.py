"""Hold a comparison of optimizers: what runs it fills it, what draws reads it. Trajectory, Chosen, Comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from padl.surfaces.landscape import Landscape

Mode = Literal["fixed", "tuned"]


class Trajectory(NamedTuple):
    """Where one optimizer went: a lane for each of R learning rates and S starts, T steps, in D dimensions.

    Points, losses and distances are NaN from the step on at which a lane diverged.

    Attributes:
        rates: (R,), rising; None for an optimizer without a learning rate, which has one lane a start (R = 1).
        points: (R, S, T + 1, D), the start first.
        losses: (R, S, T + 1), the surface's own height, without noise.
        distances: (R, S, T + 1), to the nearest minimum.
        work: rows of data that a step looked at, 1 where a surface has none.
    """

    rates: np.ndarray | None
    points: np.ndarray
    losses: np.ndarray
    distances: np.ndarray
    work: int = 1

    def diverged(self, rate: int) -> int:
        """Count the starts from which the optimizer diverged at the learning rate of this index."""
        return int(np.isnan(self.losses[rate, :, -1]).sum())


class Chosen(NamedTuple):
    """The learning rate that a trajectory is shown at.

    Attributes:
        rate: its index in `Trajectory.rates`.
        best: whether it is the optimizer's own best of those tried.
        good: (lowest, highest) rate of the unbroken run of rates around the best that all reach the goal from every
            start; None where even the best does not.
        reached: steps to the goal for each start, (S,) float, NaN where it was not reached.
    """

    rate: int
    best: bool
    good: tuple[float, float] | None
    reached: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """Optimizers from the same starts, for the same number of steps.

    Attributes:
        landscape: where they walked. starts: (S, D). steps: T. seed: of noise and batches.
        noise: standard deviation of the gradient's, 0 for none.
        mode: "fixed" shows all at one learning rate, "tuned" each at its own best of as many.
        goal: the height that counts as reached.
        paths, chosen: by the optimizer's label, in the order in which they were named.
    """

    landscape: Landscape
    starts: np.ndarray
    steps: int
    seed: int
    noise: float
    mode: Mode
    goal: float
    paths: Mapping[str, Trajectory]
    chosen: Mapping[str, Chosen]
