"""Each kind of weight decay, with a learning rate that changes, against NumPy; and what a decay is refused."""

from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.types import LearningRate, PadlError

KINDS = get_args(DecayKind)
PEAK, SHARES, DECAY = 0.2, np.array([0.5, 1.0, 0.75, 0.25]), 0.3
START = np.array([1.0, -2.0, 0.5, -0.25])
GRADIENTS = np.random.default_rng(0).normal(size=(len(SHARES), 4))
RATE = LearningRate(PEAK, lambda share: jnp.asarray(SHARES)[jnp.round(share * len(SHARES)).astype(int)], len(SHARES))


pytestmark = pytest.mark.usefixtures("x64")


def of_papers(kind, direction):
    """The path by the papers that decay.py names: direction(g) -> d, and a number by which η is shortened."""
    x = START
    for g, share in zip(GRADIENTS, SHARES, strict=True):
        d, shorter = direction(g + DECAY * x if kind == "coupled" else g)
        eta = PEAK * share / shorter
        if kind == "coupled":
            x = x - eta * d
        elif kind == "decoupled":
            x = x - eta * (d + DECAY * x)
        elif kind == "independent":
            x = x - eta * d - eta / PEAK * DECAY * x
        elif kind == "corrected":
            x = x - eta * d - eta**2 / PEAK * DECAY * x
        elif kind == "cautious":
            x = x - eta * (d + DECAY * np.where(d * x >= 0, x, 0))
        else:
            x = (x - eta * d) / (1 + eta * DECAY)
        yield x


def walk(tx):
    @jax.jit
    def step(params, state, g):
        updates, state = tx.update(g, state, params)
        return optax.apply_updates(params, updates), state

    params = jnp.asarray(START)
    state = tx.init(params)
    for g in GRADIENTS:
        params, state = step(params, state, g)
        yield params


def twice(g, s, p, t):
    return 2 * g, s


@pytest.mark.parametrize("kind", KINDS)
def test_a_decay_is_that_of_its_paper_at_every_rate_of_a_schedule(kind):
    tx = descend(leafwise(lambda p: (), twice), RATE, Decay(DECAY, kind))
    np.testing.assert_allclose([*walk(tx)], [*of_papers(kind, lambda g: (2 * g, 1))], rtol=1e-13)  # float64


@pytest.mark.parametrize("kind", KINDS)
def test_the_decay_of_stableadamw_is_shortened_with_its_step(kind):
    seen = []

    def direction(g):
        seen.append(g)
        b2 = np.cumsum(0.9 ** np.arange(len(seen)))[-1]
        u = sum(0.9**i * each**2 for i, each in enumerate(reversed(seen))) / b2
        return g / (np.sqrt(u) + 1e-3), max(1, np.sqrt(np.mean(g**2 / np.maximum(u, 1e-6))))

    tx = optimizers.stableadamw(RATE, b1=0.0, b2=0.9, eps=1e-3, weight_decay=DECAY, decay_kind=kind)
    np.testing.assert_allclose([*walk(tx)], [*of_papers(kind, direction)], rtol=1e-12)  # float64


def test_adamc_decays_by_the_square_of_its_learning_rate():
    tx = optimizers.adamc(RATE, b1=0.0, b2=0.0, eps=1e-3, weight_decay=DECAY)
    expected = of_papers("corrected", lambda g: (g / (abs(g) + 1e-3), 1))
    np.testing.assert_allclose([*walk(tx)], [*expected], rtol=1e-12)  # float64


@pytest.mark.parametrize("kind", ["independent", "corrected"])
@pytest.mark.parametrize("make", [optimizers.adamw, optimizers.stableadamw])
def test_a_decay_that_follows_the_peak_is_refused_where_a_schedule_has_none(make, kind):
    with pytest.raises(PadlError, match=f"{kind} follows the peak of the learning rate, and this schedule has none"):
        make(lambda count: 0.1, decay_kind=kind)
    with pytest.raises(PadlError, match="corrected follows the peak"):
        optimizers.adamc(lambda count: 0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_learning_rate_is_its_own_peak_and_a_rate_of_0_moves_nothing(kind):
    moved = {}
    for rate in (0.1, 0.0):
        tx = optimizers.adamw(jnp.asarray(rate), weight_decay=DECAY, decay_kind=kind)
        params = jnp.asarray(START)
        moved[rate] = np.asarray(tx.update(jnp.zeros(4), tx.init(params), params)[0])
    np.testing.assert_array_equal(moved[0.0], np.zeros(4))
    shrinks = {"independent": DECAY, "proximal": 1 - 1 / (1 + 0.1 * DECAY)}
    if kind != "coupled":  # which Adam scales
        np.testing.assert_allclose(moved[0.1], -shrinks.get(kind, 0.1 * DECAY) * START, rtol=1e-12)
