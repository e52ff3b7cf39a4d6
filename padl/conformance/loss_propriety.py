"""Checks of what a loss elicits: over draws its mean is least at the functional that it declares. elicits.

The draws are a distribution themselves, so that the functional is known exactly, and no tolerance is for chance.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checked_loss import CheckedLoss, argument_code
from padl.conformance.checks import Failure, NotForIt, check

DRAWS = 201  # odd, so that there is one median
ROUNDING = 1e-10
SHARES = np.array([0.6, 0.3, 0.1])
RNG = np.random.default_rng(0)
SKEWED = RNG.exponential(size=DRAWS)
NORMAL = np.array([NormalDist(1.0, 2.0).inv_cdf((i + 0.5) / DRAWS) for i in range(DRAWS)])
COUNTS = RNG.poisson(2.5, size=DRAWS)
YES = (np.arange(DRAWS) < 0.3 * DRAWS).astype(int)
LABELS = np.repeat(np.arange(3), np.round(SHARES * DRAWS).astype(int))[:DRAWS]
MIXED = RNG.dirichlet(SHARES * 4, size=DRAWS)


class Simulation(NamedTuple):
    """Draws, and predictions of which the best is known.

    Attributes:
        targets: what comes behind the predictions, an axis of draws first. candidates: (n, ...) predictions, each the
            same for all draws; the declared one first, where it is a point. spreads: the third argument that goes with
            each candidate, of losses of moments. holds: the best candidate -> whether it is as declared; None: it is to
            be the first.
    """

    targets: tuple[np.ndarray, ...]
    candidates: np.ndarray
    spreads: np.ndarray | None = None
    holds: Callable[[np.ndarray], bool] | None = None


def _near(point: np.ndarray, by: float = 0.4) -> np.ndarray:
    """A point, and those next to it along each axis."""
    point = np.atleast_1d(np.asarray(point, float))
    axes = np.eye(len(point))
    return np.stack([point, *(point + by * axes), *(point - by * axes)])


def _of_values(loss: CheckedLoss) -> Simulation | None:
    said, y = loss.traits["elicits"], SKEWED[:, None]
    low, high = sorted((np.median(SKEWED), SKEWED.mean()))
    if said.startswith("a point between"):
        grid = np.linspace(0, 3, 301)[:, None]
        return Simulation((y,), grid, holds=lambda best: bool(low - 0.01 <= best[0] <= high + 0.01))
    quantile = np.quantile(SKEWED, loss.numbers.get("q", 0.5), method="inverted_cdf")
    points = {"the mean": SKEWED.mean(), "the median": np.median(SKEWED), "the q-quantile": quantile}
    return Simulation((y,), _near(points[said])) if said in points else None


def _of_counts(loss: CheckedLoss) -> Simulation | None:
    if loss.traits["elicits"] != "the mean":
        return None
    of_logarithms = dict(loss.choice.static).get("log_input", True)
    return Simulation((COUNTS[:, None],), _near(np.log(COUNTS.mean()) if of_logarithms else COUNTS.mean()))


def _of_moments(loss: CheckedLoss) -> Simulation | None:
    spreads = {"mean and variance": NORMAL.var(), "mean and standard deviation": NORMAL.std()}
    spread = next((value for said, value in spreads.items() if loss.traits["elicits"].startswith(said)), None)
    if spread is None:
        return None
    means = NORMAL.mean() + np.array([[0.0], [0.4], [-0.4], [0.0], [0.0]])
    return Simulation((NORMAL[:, None],), means, spread * np.array([1.0, 1.0, 1.0, 0.7, 1.4]))


def _of_two(loss: CheckedLoss, y: np.ndarray) -> Simulation | None:
    said, share = loss.traits["elicits"], YES.mean()
    if said.startswith(("which is more probable", "the sign of what is more probable")):
        return Simulation((y[:, None],), np.linspace(-4, 4, 161)[:, None], holds=lambda best: bool(best[0] < 0))
    if not said.startswith("the probability"):
        return None
    if loss.predictions == "probabilities":
        return Simulation((y[:, None],), _near(share, 0.1))
    return Simulation((y[:, None],), _near(np.log(share / (1 - share))))


def _of_classes(loss: CheckedLoss) -> Simulation | None:
    said, shares = loss.traits["elicits"], np.bincount(LABELS) / DRAWS
    if said.startswith("the most probable class"):
        candidates = 2 * np.random.default_rng(1).normal(size=(400, 3))
        return Simulation((LABELS,), candidates, holds=lambda best: int(best.argmax()) == 0)
    points = said.startswith(("the probabilities of the classes", "the probabilities of the tokens"))
    return Simulation((LABELS,), _normalised(loss, _near(np.log(shares)))) if points else None


def _normalised(loss: CheckedLoss, x: np.ndarray) -> np.ndarray:
    is_log = loss.predictions == "log_probabilities"
    return x - np.log(np.exp(x).sum(-1, keepdims=True)) if is_log else x


def _of_tokens(loss: CheckedLoss) -> Simulation | None:
    found = _of_classes(loss)  # the kernel gives the hidden vector itself as logits
    return found and found._replace(targets=(LABELS, np.eye(3)))


def _of_distributions(loss: CheckedLoss) -> Simulation | None:
    if not loss.traits["elicits"].startswith("the distribution"):
        return None
    return Simulation((MIXED,), _normalised(loss, _near(np.log(MIXED.mean(0)))))


SIMULATIONS: dict[str, Callable[[CheckedLoss], Simulation | None]] = {  # by the word for targets
    "values": lambda loss: _of_moments(loss) if loss.predictions == "moments" else _of_values(loss),
    "counts": _of_counts,
    "indicators": lambda loss: _of_two(loss, YES),
    "signs": lambda loss: _of_two(loss, 2 * YES - 1),
    "labels": _of_classes,
    "tokens": _of_tokens,
    "distributions": _of_distributions,
}


@check("loss", "behaviour")
def elicits(loss: CheckedLoss) -> None:
    """Over draws its mean is least at what it says that it elicits: it is proper. At its defaults."""
    if "elicits" not in loss.traits:
        raise NotForIt("it does not say what it elicits")
    loss = replace(loss, settings={})
    simulation = SIMULATIONS.get(loss.targets, lambda _: None)(loss)
    if simulation is None:
        raise NotForIt(f"{loss.traits['elicits']}: no draws are known for this")
    risks, candidates = _risks(loss, simulation), simulation.candidates
    best = int(np.argmin(risks))
    if simulation.holds is not None:
        is_kept, where = simulation.holds(candidates[best]), f"at {candidates[best].round(3).tolist()}"
    else:
        others, strict = np.delete(risks, 0), "strictly" in loss.traits["elicits"]
        is_kept = risks[0] <= others.min() + ROUNDING and not (strict and (others <= risks[0] + ROUNDING).any())
        best = 1 + int(np.argmin(others))
        where = f"{risks[0]:.5g} there and {risks[best]:.5g} at {_told(simulation, best)}"
    if not is_kept:
        line = f"it elicits {loss.traits['elicits']!r}, but over draws it is least elsewhere: {where}"
        raise Failure(line, _case(loss, simulation, best))


def _risks(loss: CheckedLoss, simulation: Simulation) -> np.ndarray:
    """The mean over the draws of the loss of each candidate."""
    with jax.enable_x64(True):
        behind = [jnp.asarray(a) for a in simulation.targets]

        def risk(candidate: Any, spread: Any) -> Any:
            x = jnp.broadcast_to(candidate, (DRAWS, *candidate.shape))
            return loss(x, *behind, *([] if spread is None else [jnp.full(x.shape, spread)]), reduction="mean")

        spreads = None if simulation.spreads is None else jnp.asarray(simulation.spreads)
        axes = (0, None if spreads is None else 0)
        return np.asarray(jax.jit(jax.vmap(risk, axes))(jnp.asarray(simulation.candidates), spreads))


def _told(simulation: Simulation, index: int) -> str:
    spread = "" if simulation.spreads is None else f" with {simulation.spreads[index]:.3g}"
    return f"{simulation.candidates[index].round(3).tolist()}{spread}"


def _case(loss: CheckedLoss, simulation: Simulation, best: int) -> str:
    """The mean over the draws at what is declared, or at the first candidate, and at the best."""
    lines = [f"y{i} = {argument_code(a)}" for i, a in enumerate(simulation.targets)]
    behind = "".join(f", y{i}" for i in range(len(lines)))
    calls = []
    for k in (0, best):
        width = len(simulation.candidates[k])
        spread = "" if simulation.spreads is None else f", jnp.full(({DRAWS}, {width}), {simulation.spreads[k]:.6g})"
        x = f"jnp.tile(jnp.array({simulation.candidates[k].round(6).tolist()}), ({DRAWS}, 1))"
        calls.append(f"loss({x}{behind}{spread})")
    return loss.case(f"loss = {loss.made()}", *lines, f"print({', '.join(calls)})")
