"""The losses: against their definitions in float64 NumPy, at the hard points, reduced, masked and refused."""

import inspect
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import losses
from padl.losses.reduce import reduce
from padl.types import PadlError

SHAPE = (8, 3)
rng = np.random.default_rng(0)
X = rng.normal(size=SHAPE) * 2
Y = X + rng.normal(size=SHAPE) * 2
LABELS = rng.integers(0, 3, size=8)
PROBABILITIES = rng.dirichlet(np.ones(3), size=8)
INDICATORS = rng.integers(0, 2, size=SHAPE)
DELTA = 0.7


class Case(NamedTuple):
    """A loss with inputs: predictions, targets and hyperparameters; its value and gradient, an element, in NumPy."""

    name: str
    predictions: np.ndarray
    targets: np.ndarray
    hyperparameters: dict
    value: np.ndarray
    gradient: np.ndarray  # of the sum of the values

    def loss(self, predictions, targets=None, **options):
        targets = self.targets if targets is None else targets
        return getattr(losses, self.name)(predictions, jnp.asarray(targets), **self.hyperparameters, **options)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def huber(a, delta):
    return np.where(abs(a) <= delta, a**2 / 2, delta * (abs(a) - delta / 2))


ONE_HOT = np.eye(3)[LABELS]
CASES = {
    "mse": Case("mse", X, Y, {}, (X - Y) ** 2, 2 * (X - Y)),
    "mse, integers": Case("mse", X, Y.astype(int), {}, (X - Y.astype(int)) ** 2, 2 * (X - Y.astype(int))),
    "mae": Case("mae", X, Y, {}, abs(X - Y), np.sign(X - Y)),
    "huber": Case("huber", X, Y, {"delta": DELTA}, huber(X - Y, DELTA), np.clip(X - Y, -DELTA, DELTA)),
    "cross_entropy": Case(
        "cross_entropy", X, LABELS, {}, -(ONE_HOT * log_softmax(X)).sum(-1), np.exp(log_softmax(X)) - ONE_HOT
    ),
    "cross_entropy, probabilities": Case(
        "cross_entropy",
        X,
        PROBABILITIES,
        {},
        -(PROBABILITIES * log_softmax(X)).sum(-1),
        np.exp(log_softmax(X)) - PROBABILITIES,
    ),
    "bce_with_logits": Case(
        "bce_with_logits",
        X,
        INDICATORS,
        {},
        -np.log(np.where(INDICATORS == 1, sigmoid(X), 1 - sigmoid(X))),
        sigmoid(X) - INDICATORS,
    ),
}
of_every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def value_and_gradient(loss, x):
    return jax.jit(jax.value_and_grad(loss))(jnp.asarray(x))


# Definitions


@of_every_loss
def test_values_and_gradients_are_those_of_the_definition(case, x64):
    values, back = jax.vjp(jax.jit(lambda x: case.loss(x, reduction="none")), jnp.asarray(case.predictions))
    (gradient,) = back(jnp.ones_like(values))
    np.testing.assert_allclose(values, case.value, rtol=1e-12, atol=1e-15)  # float64, a few operations
    np.testing.assert_allclose(gradient, case.gradient, rtol=1e-12, atol=1e-15)


@of_every_loss
def test_gradients_are_the_slope_of_the_values(case, x64):
    x = jnp.asarray(case.predictions)
    step = 1e-6
    steps = step * jnp.eye(x.size).reshape(x.size, *x.shape)

    @jax.jit
    def rise_and_gradient(x):
        total = lambda x: case.loss(x, reduction="sum")  # noqa: E731
        return jax.vmap(lambda d: total(x + d) - total(x - d))(steps), jax.grad(total)(x)

    rise, gradient = rise_and_gradient(x)
    # central differences: step² and 1e-15 / step of a sum of about 50; no element is within a step of a kink
    np.testing.assert_allclose(rise.reshape(x.shape) / (2 * step), gradient, rtol=1e-7, atol=1e-7)


IN_OPTAX = {
    "mse": optax.squared_error,
    "huber": lambda x, y: optax.huber_loss(x, y, delta=DELTA),
    "cross_entropy": optax.softmax_cross_entropy_with_integer_labels,
    "cross_entropy, probabilities": optax.softmax_cross_entropy,
    "bce_with_logits": lambda x, y: optax.sigmoid_binary_cross_entropy(x, y.astype(x.dtype)),
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_optax_has_the_same_values_and_gradients(name, x64):
    case, x = CASES[name], jnp.asarray(CASES[name].predictions)
    ours = value_and_gradient(lambda x: case.loss(x, reduction="sum"), x)
    theirs = value_and_gradient(lambda x: IN_OPTAX[name](x, jnp.asarray(case.targets)).sum(), x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14), ours, theirs)  # float64


def test_labels_and_their_one_hot_probabilities_cost_the_same():
    x = jnp.asarray(X, jnp.float32)
    one, other = (value_and_gradient(lambda x, y=y: losses.cross_entropy(x, y), x) for y in (LABELS, ONE_HOT))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), one, other)  # float32


def test_gradients_with_respect_to_soft_targets_hold_at_0_and_1_too(x64):
    x, y = jnp.asarray(X), jnp.asarray(ONE_HOT)
    to_y = jax.jit(jax.grad(lambda y: losses.cross_entropy(x, y, reduction="sum")))(y)
    np.testing.assert_allclose(to_y, -log_softmax(X), rtol=1e-12)  # float64
    to_y = jax.jit(jax.grad(lambda y: losses.bce_with_logits(x, y, reduction="sum")))(y)
    np.testing.assert_allclose(to_y, -X, rtol=1e-12)  # log(1 + e⁻ˣ) - log(1 + eˣ)


# Hard points. A row: a loss, its arguments, the value, the gradient with respect to the predictions.

INF = np.inf
HARD_POINTS = {
    "mae at 0": ("mae", [0.0], [0.0], {}, 0.0, [0.0]),
    "mae far out": ("mae", [-1e30], [1e30], {}, 2e30, [-1.0]),
    "mse whose square overflows": ("mse", [1e20], [0.0], {}, INF, [2e20]),
    "huber at delta": ("huber", [0.5], [0.0], {"delta": 0.5}, 0.125, [0.5]),
    "huber at -delta": ("huber", [-0.5], [0.0], {"delta": 0.5}, 0.125, [-0.5]),
    "huber at 0": ("huber", [0.0], [0.0], {}, 0.0, [0.0]),
    "huber whose square would overflow": ("huber", [1e30], [0.0], {}, 1e30, [1.0]),
    "huber with delta = inf": ("huber", [3.0], [1.0], {"delta": INF}, 2.0, [2.0]),
    "huber with delta = inf at 0": ("huber", [1.0], [1.0], {"delta": INF}, 0.0, [0.0]),
    "huber with a tiny delta": ("huber", [3.0], [1.0], {"delta": 1e-30}, 2e-30, [1e-30]),
    "cross entropy at a margin of 17": ("cross_entropy", [[17.0, 0.0]], [0], {}, 4.1399e-8, [[-4.1399e-8, 4.1399e-8]]),
    "cross entropy, sure and right": ("cross_entropy", [[1e4, -1e4]], [0], {}, 0.0, [[0.0, 0.0]]),
    "cross entropy, sure and wrong": ("cross_entropy", [[1e4, -1e4]], [1], {}, 2e4, [[1.0, -1.0]]),
    "cross entropy far from 0": ("cross_entropy", [[1e6, 1e6]], [1], {}, np.log(2), [[0.5, -0.5]]),
    "cross entropy of a class ruled out": ("cross_entropy", [[0.0, -INF, 0.0]], [0], {}, np.log(2), [[-0.5, 0, 0.5]]),
    "cross entropy, the class ruled out came": ("cross_entropy", [[0.0, -INF, 0.0]], [1], {}, INF, [[0.5, -1, 0.5]]),
    "cross entropy of one class": ("cross_entropy", [[3.0]], [0], {}, 0.0, [[0.0]]),
    "probabilities, sure and wrong": ("cross_entropy", [[1e4, -1e4]], [[0.0, 1.0]], {}, 2e4, [[1.0, -1.0]]),
    "probabilities, a class ruled out": (
        "cross_entropy",
        [[0.0, -INF, 0.0]],
        [[0.5, 0.0, 0.5]],
        {},
        np.log(2),
        [[0.0, 0.0, 0.0]],
    ),
    "bce at 0, yes": ("bce_with_logits", [0.0], [1], {}, np.log(2), [-0.5]),
    "bce at 0, no": ("bce_with_logits", [0.0], [0], {}, np.log(2), [0.5]),
    "bce at 17, yes": ("bce_with_logits", [17.0], [1], {}, 4.1399e-8, [-4.1399e-8]),
    "bce sure and right": ("bce_with_logits", [-1e4], [0], {}, 0.0, [0.0]),
    "bce sure and wrong": ("bce_with_logits", [1e4], [0], {}, 1e4, [1.0]),
    "bce certain and right": ("bce_with_logits", [INF], [1], {}, 0.0, [0.0]),
    "bce certain and wrong": ("bce_with_logits", [-INF], [1], {}, INF, [-1.0]),
}


@pytest.mark.parametrize("point", HARD_POINTS)
def test_the_value_and_gradient_at_a_hard_point_are_the_limit(point):
    name, x, y, hyperparameters, value, gradient = HARD_POINTS[point]
    loss = getattr(losses, name)
    got = value_and_gradient(lambda x: loss(x, jnp.asarray(y), **hyperparameters), np.array(x, np.float32))
    np.testing.assert_allclose(got[0], value, rtol=1e-4, atol=1e-12)  # 4.1e-8 is given to five digits
    # σ(17) - 1 is what bce's gradient is made of, of which float32 keeps 6e-8
    np.testing.assert_allclose(got[1], gradient, rtol=1e-4, atol=6e-8 if "bce" in point else 1e-12)


def test_huber_with_an_infinite_delta_is_half_of_mse_though_delta_is_traced():
    x, y = jnp.asarray(X, jnp.float32), jnp.asarray(Y, jnp.float32)

    @jax.jit
    def of(delta):
        both = jax.value_and_grad(lambda x, delta: losses.huber(x, y, delta=delta), argnums=(0, 1))
        return both(x, delta)

    value, (to_x, to_delta) = of(INF)
    half, half_to_x = value_and_gradient(lambda x: losses.mse(x, y) / 2, x)
    np.testing.assert_allclose(value, half, rtol=1e-6)  # float32, summed in another order
    np.testing.assert_allclose(to_x, half_to_x, rtol=1e-6)
    assert to_delta == 0.0


def test_the_gradient_of_huber_with_respect_to_delta_is_what_lies_beyond_it(x64):
    a = X - Y
    slope = jax.grad(lambda delta: losses.huber(jnp.asarray(X), jnp.asarray(Y), delta=delta, reduction="sum"))(DELTA)
    np.testing.assert_allclose(slope, np.maximum(abs(a) - DELTA, 0).sum(), rtol=1e-12)  # float64


def test_a_nan_prediction_is_not_hidden():
    x = X.astype(np.float32)
    x[2, 1] = np.nan
    for case in CASES.values():
        assert np.isnan(jax.jit(case.loss)(x)), case.name


# Labels that are none


@pytest.mark.parametrize(("label", "at"), [(3, 5), (-1, 0), (-100, 7)])
def test_a_label_out_of_range_raises_with_its_position(label, at):
    labels = LABELS.copy()
    labels[at] = label
    with pytest.raises(PadlError, match=rf"label {label} at \({at},\) is outside 0 \.\. 2"):
        losses.cross_entropy(jnp.asarray(X), jnp.asarray(labels))


@pytest.mark.parametrize("label", [3, -1, 1000])
def test_under_jit_a_label_out_of_range_poisons_value_and_gradient(label):
    labels = jnp.asarray(LABELS).at[5].set(label)
    value, gradient = jax.jit(jax.value_and_grad(losses.cross_entropy))(jnp.asarray(X, jnp.float32), labels)
    assert np.isnan(value)
    assert np.isnan(gradient[5]).all()
    assert np.isfinite(np.delete(gradient, 5, axis=0)).all()


def test_a_masked_label_may_be_anything():
    labels, keep = jnp.asarray(LABELS).at[5].set(-100), jnp.arange(8) != 5
    value = losses.cross_entropy(jnp.asarray(X, jnp.float32), labels, where=keep)
    expected = np.delete(CASES["cross_entropy"].value, 5).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-6)  # float32


@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8"])
def test_labels_may_be_integers_of_any_width(dtype):
    value = losses.cross_entropy(jnp.asarray(X, jnp.float32), jnp.asarray(LABELS, dtype))
    np.testing.assert_allclose(value, CASES["cross_entropy"].value.mean(), rtol=1e-6)  # float32


# Reductions


@of_every_loss
def test_the_reductions_are_sums_and_means_of_the_values(case, x64):
    x = jnp.asarray(case.predictions)
    kinds = ("none", "mean", "sum", "sum_and_count")
    default, none, mean, total, pair = jax.jit(lambda x: [case.loss(x), *(case.loss(x, reduction=r) for r in kinds)])(x)
    assert none.shape == case.value.shape
    np.testing.assert_allclose(total, case.value.sum(), rtol=1e-12)  # float64
    np.testing.assert_allclose(mean, case.value.mean(), rtol=1e-12)
    assert pair == (total, case.value.size)
    assert default == mean


@of_every_loss
def test_four_micro_batches_are_the_whole_batch(case, x64):
    x, y = jnp.asarray(case.predictions), jnp.asarray(case.targets)
    keep = jnp.arange(8) % 3 != 0  # so that no two micro-batches weigh the same
    whole = value_and_gradient(lambda x: case.loss(x, where=keep), x)

    @jax.jit
    def part(rows):
        some = jax.value_and_grad(
            lambda x: case.loss(x[rows], y[rows], where=keep[rows], reduction="sum_and_count"), has_aux=True
        )
        return some(x)

    parts = [part(jnp.arange(2 * i, 2 * i + 2)) for i in range(4)]
    (totals, counts), gradients = jax.tree.map(lambda *parts: sum(parts), *parts)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-15),  # float64
        (totals / counts, gradients / counts),
        whole,
    )


def test_an_unknown_reduction_is_named():
    unchecked = inspect.unwrap(reduce)  # its annotations are checked in tests, which would refuse it first
    with pytest.raises(PadlError, match="'average' is none of mean, sum, none, sum_and_count"):
        unchecked(jnp.ones(2), reduction="average")


def test_the_mean_of_no_examples_is_zero():
    value, gradient = value_and_gradient(lambda x: losses.mse(x, x), np.ones((0, 3), np.float32))
    assert value == 0.0
    assert gradient.shape == (0, 3)


# Masks


@of_every_loss
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_masked_reaches_neither_value_nor_gradient(case, poison):
    keep = np.arange(8) % 2 == 0
    x, y = case.predictions.astype(np.float32), case.targets.copy()
    x[~keep] = poison
    y[~keep] = poison if y.dtype.kind == "f" else 99

    def mean_and_values(x):
        return [case.loss(x, y, where=jnp.asarray(keep), reduction=r) for r in ("mean", "none")]

    (value, none), gradient = jax.jit(jax.value_and_grad(mean_and_values, has_aux=True))(x)
    np.testing.assert_allclose(value, case.value[keep].mean(), rtol=1e-5)  # float32
    np.testing.assert_array_equal(gradient[~keep], 0.0)
    scale = case.value[keep].size
    np.testing.assert_allclose(gradient[keep], case.gradient[keep] / scale, rtol=1e-4, atol=1e-7)  # float32
    np.testing.assert_array_equal(none[~keep], 0.0)


@of_every_loss
def test_the_mean_under_a_mask_that_keeps_nothing_is_zero_with_gradient_zero(case):
    x = np.full_like(case.predictions, np.nan, np.float32)
    value, gradient = value_and_gradient(lambda x: case.loss(x, where=jnp.zeros(8, bool)), x)
    assert value == 0.0
    np.testing.assert_array_equal(gradient, 0.0)


def test_a_mask_may_be_of_elements():
    keep = np.arange(24).reshape(SHAPE) % 5 != 0
    value = losses.mae(jnp.asarray(X, jnp.float32), jnp.asarray(Y), where=jnp.asarray(keep))
    np.testing.assert_allclose(value, abs(X - Y)[keep].mean(), rtol=1e-6)  # float32


# Dtypes and transformations


@of_every_loss
@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_half_precision_is_summed_in_float32_and_its_gradient_comes_back_in_half(case, dtype):
    x = jnp.asarray(case.predictions, dtype)
    value, gradient = jax.eval_shape(jax.value_and_grad(case.loss), x)
    assert value.dtype == jnp.float32
    assert gradient.dtype == x.dtype
    if dtype != "float32":
        in_half, in_single = jax.jit(lambda x: (case.loss(x), case.loss(x.astype(jnp.float32))))(x)
        np.testing.assert_allclose(in_half, in_single, rtol=1e-6)  # float32, however it is fused


def test_an_error_whose_square_overflows_half_precision_does_not_overflow():
    assert losses.mse(jnp.array([300.0], jnp.float16), jnp.array([0.0], jnp.float16)) == 90000.0


@of_every_loss
def test_jit_and_vmap_change_nothing(case):
    x, y = jnp.asarray(case.predictions, jnp.float32), jnp.asarray(case.targets)

    @jax.jit
    def rows(x, y):
        return jax.vmap(jax.value_and_grad(lambda x, y: case.loss(x[None], y[None], reduction="sum")))(x, y)

    values, gradients = rows(x, y)
    expected = case.loss(x, reduction="none").reshape(8, -1).sum(-1)
    np.testing.assert_allclose(values, expected, rtol=1e-5)  # float32, fused
    np.testing.assert_allclose(gradients, case.gradient, rtol=1e-4, atol=1e-6)  # float32 against float64


# Refusals


@of_every_loss
def test_predictions_that_are_integers_are_refused(case):
    with pytest.raises(PadlError, match=r"real numbers, not int32.*astype"):
        case.loss(jnp.ones(SHAPE, jnp.int32))


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "bce_with_logits"])
def test_shapes_that_would_broadcast_are_refused(name):
    with pytest.raises(PadlError, match=r"\(3,\).*\(3, 1\).*alike"):
        getattr(losses, name)(jnp.ones(3), jnp.ones((3, 1)))


@pytest.mark.parametrize("shape", [(8, 1), (7,), (8, 3)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(PadlError, match=r"labels of shape .* expected \(8,\)"):
        losses.cross_entropy(jnp.ones(SHAPE), jnp.zeros(shape, jnp.int32))


def test_probabilities_of_another_shape_are_refused():
    with pytest.raises(PadlError, match="alike"):
        losses.cross_entropy(jnp.ones(SHAPE), jnp.ones((8, 1)))


@pytest.mark.parametrize("shape", [(7,), (8, 2), (8, 3, 1)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        losses.mse(jnp.ones(SHAPE), jnp.ones(SHAPE), where=jnp.ones(shape, bool))
