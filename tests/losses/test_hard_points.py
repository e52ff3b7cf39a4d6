"""Value and gradient where the obvious formulas give NaN, 0 or another slope: in three dtypes under jit, and vmap."""

import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES

from padl import losses

INF = math.inf
TINY = math.log1p(math.exp(-17))  # 4.1399e-8: the surprise at a margin of 17
SURE = math.exp(-17) / (1 + math.exp(-17))
LOG2 = math.log(2)
CROSS = {"label_smoothing": 0.1}
ONE, TWO = np.eye(2)[:1], np.eye(2)[1:]
ZERO = np.zeros((1, 2))
SOON = {"margin": 2.0}

# name: loss, arguments, hyperparameters, value and gradient in the first argument, of the sum
POINTS = {
    "mae at 0": ("mae", ([0.0], [0.0]), {}, 0, [0]),
    "mae far out": ("mae", ([-1e30], [1e30]), {}, 2e30, [-1]),
    "huber at delta": ("huber", ([0.5], [0.0]), {"delta": 0.5}, 0.125, [0.5]),
    "huber at -delta": ("huber", ([-0.5], [0.0]), {"delta": 0.5}, 0.125, [-0.5]),
    "huber at 0": ("huber", ([0.0], [0.0]), {}, 0, [0]),
    "huber whose square would overflow": ("huber", ([1e30], [0.0]), {}, 1e30, [1]),
    "huber with delta = inf": ("huber", ([3.0], [1.0]), {"delta": INF}, 2, [2]),
    "huber with delta = inf at 0": ("huber", ([1.0], [1.0]), {"delta": INF}, 0, [0]),
    "huber with a tiny delta": ("huber", ([3.0], [1.0]), {"delta": 1e-30}, 2e-30, [1e-30]),
    "smooth l1 at beta": ("smooth_l1", ([0.5], [0.0]), {"beta": 0.5}, 0.25, [1]),
    "smooth l1 with beta = 0": ("smooth_l1", ([0.0, 2.0], [0.0, 0.0]), {"beta": 0.0}, 2, [0, 1]),
    "smooth l1 whose square would overflow": ("smooth_l1", ([1e30], [0.0]), {}, 1e30, [1]),
    "log cosh at 1/8192": ("log_cosh", ([2.0**-13], [0.0]), {}, 2.0**-27 - 2.0**-52 / 12, [math.tanh(2.0**-13)]),
    "log cosh at 1e4": ("log_cosh", ([1e4], [0.0]), {}, 1e4 - LOG2, [1]),
    "log cosh at -1e4": ("log_cosh", ([-1e4], [0.0]), {}, 1e4 - LOG2, [-1]),
    "quantile at 0": ("quantile", ([0.0], [0.0]), {"q": 0.9}, 0, [0]),
    "general robust at alpha = 2": ("general_robust", ([3.0], [0.0]), {"alpha": 2.0}, 4.5, [3]),
    "general robust at alpha = 0": ("general_robust", ([2.0], [0.0]), {"alpha": 0.0}, math.log(3), [2 / 3]),
    "general robust at alpha = -inf": (
        "general_robust", ([1.0], [0.0]), {"alpha": -INF}, 1 - math.exp(-0.5), [math.exp(-0.5)]
    ),
    "general robust of an outlier": ("general_robust", ([1e30], [0.0]), {"alpha": 1.0}, 1e30, [1]),
    "general robust at alpha = 2, far out": ("general_robust", ([1e4], [0.0]), {"alpha": 2.0}, 5e7, [1e4]),
    "general robust at 0": ("general_robust", ([0.0], [0.0]), {"alpha": 1.0}, 0, [0]),
    # one class among several
    "cross entropy at a margin of 17": ("cross_entropy", ([[17.0, 0.0]], [0]), {}, TINY, [[-SURE, SURE]]),
    "the same of probabilities": ("cross_entropy", ([[17.0, 0.0]], ONE), {}, TINY, [[-SURE, SURE]]),
    "cross entropy, sure and right": ("cross_entropy", ([[1e4, -1e4]], [0]), {}, 0, [[0, 0]]),
    "cross entropy, sure and wrong": ("cross_entropy", ([[1e4, -1e4]], [1]), {}, 2e4, [[1, -1]]),
    "cross entropy far from 0": ("cross_entropy", ([[1e6, 1e6]], [1]), {}, LOG2, [[0.5, -0.5]]),
    "cross entropy of a class ruled out": ("cross_entropy", ([[0.0, -INF, 0.0]], [0]), {}, LOG2, [[-0.5, 0, 0.5]]),
    "the class ruled out came": ("cross_entropy", ([[0.0, -INF, 0.0]], [1]), {}, INF, [[0.5, -1, 0.5]]),
    "cross entropy, certain and right": ("cross_entropy", ([[INF, 0.0]], [0]), {}, 0, [[0, 0]]),
    "cross entropy, certain and wrong": ("cross_entropy", ([[INF, 0.0]], [1]), {}, INF, [[1, -1]]),
    "cross entropy of one class": ("cross_entropy", ([[3.0]], [0]), {}, 0, [[0]]),
    "a class ruled out under smoothing": (
        "cross_entropy", ([[0.0, -INF, 0.0]], [0]), CROSS, LOG2, [[0.5 - 0.95, 0, 0.5 - 0.05]]
    ),
    "probabilities, sure and wrong": ("cross_entropy", ([[1e4, -1e4]], TWO), {}, 2e4, [[1, -1]]),
    "probabilities, a class ruled out": (
        "cross_entropy", ([[0.0, -INF, 0.0]], [[0.5, 0.0, 0.5]]), {}, LOG2, [[0, 0, 0]]
    ),
    "an ignored row that is all ruled out": (
        "cross_entropy", ([[-INF, -INF], [0.0, 0.0]], [-100, 1]), {"ignore_index": -100}, LOG2, [[0, 0], [0.5, -0.5]]
    ),
    "nll of what was ruled out": ("nll", ([[0.0, -INF]], [1]), {}, INF, [[0, -1]]),
    "nll of what was not": ("nll", ([[-1.0, -INF]], [0]), {}, 1, [[-1, 0]]),
    "focal softmax, gamma < 1, right": ("focal_softmax", ([[1e4, -1e4]], [0]), {"gamma": 0.5}, 0, [[0, 0]]),
    "focal softmax, certain and wrong": ("focal_softmax", ([[INF, 0.0]], [1]), {"gamma": 0.5}, INF, [[1, -1]]),
    "focal softmax with gamma = 0": ("focal_softmax", ([[17.0, 0.0]], [0]), {"gamma": 0.0}, TINY, [[-SURE, SURE]]),
    # yes or no
    "bce with logits at 0, yes": ("bce_with_logits", ([0.0], [1]), {}, LOG2, [-0.5]),
    "bce with logits at 0, no": ("bce_with_logits", ([0.0], [0]), {}, LOG2, [0.5]),
    "bce with logits at 17, yes": ("bce_with_logits", ([17.0], [1]), {}, TINY, [-SURE]),
    "bce with logits, sure and right": ("bce_with_logits", ([-1e4], [0]), {}, 0, [0]),
    "bce with logits, sure and wrong": ("bce_with_logits", ([1e4], [0]), {}, 1e4, [1]),
    "bce with logits, certain and right": ("bce_with_logits", ([INF], [1]), {}, 0, [0]),
    "bce with logits, certain and wrong": ("bce_with_logits", ([-INF], [1]), {}, INF, [-1]),
    "bce at 0 and 1, right": ("bce", ([0.0, 1.0], [0, 1]), {}, 0, [0, 0]),
    "bce at 0 and 1, wrong": ("bce", ([0.0, 1.0], [1, 0]), {}, 200, [-1e12, 1e12]),
    "focal, gamma < 1, sure and right": ("focal", ([1e4, -1e4], [1, 0]), {"gamma": 0.5}, 0, [0, 0]),
    "focal, certain and right": ("focal", ([INF, -INF], [1, 0]), {"gamma": 0.5}, 0, [0, 0]),
    "focal, certain and wrong": ("focal", ([INF], [0]), {"gamma": 2.0}, INF, [1]),
    "multilabel soft margin, sure": ("multilabel_soft_margin", ([[1e4, -1e4]], [[0, 0]]), {}, 5e3, [[0.5, 0]]),
    # margins
    "soft margin at -1e4": ("soft_margin", ([-1e4], [1]), {}, 1e4, [-1]),
    "soft margin at 1e4": ("soft_margin", ([1e4], [1]), {}, 0, [0]),
    "hinge at its corner": ("hinge", ([1.0, -1.0], [1, -1]), {}, 0, [-1, 1]),
    "squared hinge at its corner": ("hinge", ([1.0], [1]), {"p": 2}, 0, [0]),
    "hinge embedding at its corner": ("hinge_embedding", ([1.0], [-1]), {}, 0, [-1]),
    "multi margin at its corner": ("multi_margin", ([[1.0, 0.0]], [0]), {}, 0, [[0, 0]]),
    "multilabel margin at its corner": ("multilabel_margin", ([[1.0, 0.0]], [[0, -1]]), {}, 0, [[0, 0]]),
    "multilabel margin of no label": ("multilabel_margin", ([[1.0, 0.0]], [[-1, 0]]), {}, 0, [[0, 0]]),
    "margin ranking of equals": ("margin_ranking", ([2.0], [2.0], [1]), {}, 0, [-1]),
    # distances
    **{
        f"minkowski of equals, p = {p}": ("minkowski", (ONE, ONE), {"p": float(p)}, 0, [[0, 0]])
        for p in (0.5, 1, 2, 3, INF)
    },
    "minkowski, one equal coordinate, p = 1/2": ("minkowski", ([[4.0, 1.0]], [[0.0, 1.0]]), {"p": 0.5}, 4, [[1, 0]]),
    "minkowski, p = inf, shared": ("minkowski", ([[2.0, -2.0]], ZERO), {"p": INF}, 2, [[0.5, -0.5]]),
    "euclidean of equals": ("euclidean", (ONE, ONE), {}, 0, [[0, 0]]),
    "euclidean far away": ("euclidean", ([[3e30, 4e30]], ZERO), {}, 5e30, [[0.6, 0.8]]),
    "euclidean near by": ("euclidean", ([[3e-30, 4e-30]], ZERO), {}, 5e-30, [[0.6, 0.8]]),
    "manhattan of equals": ("manhattan", (ONE, ONE), {}, 0, [[0, 0]]),
    "cosine of a zero vector": ("cosine_embedding", (ZERO, ONE, [1]), {}, 1, [[0, 0]]),
    "cosine of a zero vector, dissimilar": ("cosine_embedding", (ZERO, ONE, [-1]), {"margin": 0.5}, 0, [[0, 0]]),
    "cosine far away": ("cosine_embedding", ([[0.0, 1e30]], [[0.0, 1e30]], [1]), {}, 0, [[0, 0]]),
    "cosine near by": ("cosine_embedding", ([[0.0, 1e-30]], [[0.0, 1e-30]], [1]), {}, 0, [[0, 0]]),
    **{
        f"triplet margin of coincident points, p = {p}": (
            "triplet_margin", (ZERO, ZERO, [[0.5, 0.0]]), {"p": float(p)}, 0.5, [[1, 0]]
        )
        for p in (1, 2, 3)
    },
    "triplet margin, all coincident": ("triplet_margin", (ZERO, ZERO, ZERO), {}, 1, [[0, 0]]),
    "info nce of a zero vector": ("info_nce", (np.zeros((2, 2)), np.eye(2)), {}, 2 * LOG2, [[0, 0], [0, 0]]),
    # distributions
    "kl div, zero target": ("kl_div", ([[0.0, -1.0]], [[0.0, 1.0]]), {}, 1, [[0, -1]]),
    "kl div, zero target ruled out": ("kl_div", ([[-INF, 0.0]], [[0.0, 1.0]]), {}, 0, [[0, -1]]),
    "kl div, what comes ruled out": ("kl_div", ([[-INF]], [[0.5]]), {}, INF, [[-0.5]]),
    "kl div, log target -inf": ("kl_div", ([[-INF, -1.0]], [[-INF, 0.0]]), {"log_target": True}, 1, [[0, -1]]),
    "gaussian nll of variance 0": ("gaussian_nll", ([0.0], [0.0], [0.0]), {"eps": 1.0}, 0, [0]),
    "poisson nll of nothing": ("poisson_nll", ([-INF], [0]), {}, 0, [0]),
    "poisson nll of rate 0": ("poisson_nll", ([0.0], [0]), {"log_input": False}, 0, [1]),
    "crps of scale 0": ("crps_gaussian", ([2.0], [0.0], [0.0]), {}, 2, [1]),
    "crps of scale 0, right": ("crps_gaussian", ([2.0], [2.0], [0.0]), {}, 0, [0]),
    # regions
    "dice, empty and empty": ("dice", (ZERO, ZERO), {"smooth": 0.0}, 0, [[0.0, 0.0]]),
    "dice, full and full": ("dice", (ONE, ONE), {"smooth": 0.0}, 0, [[-0.5, 0.5]]),
    # sequences
    "ctc of a target that does not fit": ("ctc", (np.zeros((1, 2, 2)), [[1, 1]]), {}, INF, np.zeros((1, 2, 2))),
    "the same, zero_infinity": (
        "ctc", (np.zeros((1, 2, 2)), [[1, 1]]), {"zero_infinity": True}, 0, np.zeros((1, 2, 2))
    ),
    "ctc of an empty target": (
        "ctc", (np.zeros((1, 2, 2)), np.zeros((1, 0), int)), {}, 2 * LOG2, [[[-0.5, 0.5]] * 2]
    ),
    "ctc of one frame": ("ctc", (np.zeros((1, 1, 2)), [[1]]), {}, LOG2, [[[0.5, -0.5]]]),
    "ctc of a repeated label": (
        "ctc", (np.zeros((1, 3, 2)), [[1, 1]]), {}, 3 * LOG2, [[[0.5, -0.5], [-0.5, 0.5], [0.5, -0.5]]]
    ),
    "ctc with an unused class ruled out": (
        "ctc", ([[[0.0, 0.0, -INF]]], [[1]]), {}, LOG2, [[[0.5, -0.5, 0]]]
    ),
    "ctc with its class ruled out": ("ctc", ([[[0.0, -INF, 0.0]]], [[1]]), {}, INF, np.zeros((1, 1, 3))),
    "ctc, sure and wrong": ("ctc", ([[[1e4, -1e4]]], [[1]]), {}, 2e4, [[[1, -1]]]),
    "ctc, sure and right": ("ctc", ([[[-1e4, 1e4]]], [[1]]), {}, 0, [[[0, 0]]]),
}  # fmt: skip


def arguments(point, dtype):
    """The first argument in the dtype, the others in it where they are real."""
    raw = [np.asarray(a) for a in POINTS[point][1]]
    return [jnp.asarray(a, dtype) if i == 0 or a.dtype.kind == "f" else jnp.asarray(a) for i, a in enumerate(raw)]


@cache
def found(name, dtype):
    """By the points of a loss: (value, gradient), and in float32 those of two copies under vmap; one program.

    What vmap changes of a program, as a `cond` into a `select`, it changes in every dtype.
    """
    points = [point for point in POINTS if POINTS[point][0] == name]

    def of(point, x, *rest):
        options = {"reduction": "sum", **POINTS[point][2]}
        both = jax.jit(jax.value_and_grad(lambda x: getattr(losses, name)(x, *rest, **options)))  # traced once for two
        return both(x), jax.vmap(both)(jnp.stack([x, x])) if dtype == "float32" else None

    with jax.enable_x64(dtype == "float64"):
        program = jax.jit(lambda at: {p: of(p, *at[p]) for p in points})
        return jax.device_get(program({p: arguments(p, dtype) for p in points}))


# relative, and absolute: what rounding leaves of a 0. bfloat16's inputs have three digits.
TOLERANCES = {"float64": (1e-9, 1e-15), "float32": (2e-5, 1e-12), "bfloat16": (1e-2, 1e-12)}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize("point", POINTS)
def test_value_and_gradient_at_a_hard_point_are_the_limit(point, dtype):
    relative, absolute = TOLERANCES[dtype]
    (value, gradient), batched = found(POINTS[point][0], dtype)[point]
    np.testing.assert_allclose(value, POINTS[point][3], rtol=relative, atol=absolute)
    np.testing.assert_allclose(np.float64(gradient), POINTS[point][4], rtol=relative, atol=slack(point, absolute))
    if dtype == "float32":
        np.testing.assert_allclose(batched[0], [value] * 2, rtol=1e-6)
        np.testing.assert_allclose(batched[1], [gradient] * 2, rtol=1e-6, atol=slack(point, absolute))


def slack(point, absolute):
    """σ(17) - 1 is what the gradient of a sigmoid is made of, of which float32 keeps 6e-8."""
    return 6e-8 if "bce with logits" in point else absolute


# Gradients in the other arguments


def test_the_gradient_in_a_target_that_never_comes_is_finite():
    x, y = jnp.array([[-jnp.inf, -1.0]]), jnp.array([[0.0, 1.0]])
    np.testing.assert_array_equal(jax.grad(lambda y: losses.kl_div(x, y, reduction="sum"))(y), [[0, 2]])
    np.testing.assert_allclose(
        jax.grad(lambda t: losses.kl_div(x, t, log_target=True, reduction="sum"))(jnp.log(y)), [[0, 2]]
    )


def test_the_clamp_of_bce_bounds_the_gradient_in_the_target_too():
    to_y = jax.grad(lambda y: losses.bce(jnp.array([0.0, 1.0]), y, reduction="sum"))(jnp.array([0.0, 1.0]))
    np.testing.assert_array_equal(to_y, [100, -100])


def test_the_variance_floor_lets_the_gradient_through_as_torch_does():
    to_v = jax.grad(lambda v: losses.gaussian_nll(jnp.array([1.0]), jnp.array([0.0]), v, eps=0.5))(jnp.array([0.1]))
    np.testing.assert_allclose(to_v, 0.5 * (1 / 0.5 - 1 / 0.5**2), rtol=1e-6)


def test_the_gradient_of_huber_in_delta_is_what_lies_beyond_it():
    a = jnp.array([0.5, -2.0, 3.0])
    slope = jax.grad(lambda delta: losses.huber(a, jnp.zeros(3), delta=delta, reduction="sum"))(1.0)
    np.testing.assert_allclose(slope, 1.0 + 2.0, rtol=1e-6)  # float32


REFUSES_NAN = ("bce", "dice", "tversky", "poisson_nll, rates")


@pytest.mark.parametrize("name", [name for name in CASES if name not in REFUSES_NAN])
def test_a_nan_prediction_is_not_hidden(name):
    case = CASES[name]
    x = np.array(case.arguments[0], np.float32)
    x[0] = np.nan
    assert np.isnan(case(x))
