"""Presets of Muon's template: what of each is muon, and what each is for."""

import numpy as np
import pytest
from matrix_walk import ROLES, gradients, walk

from padl import optimizers
from padl.roles import ParameterRole
from padl.types import PadlError

PLAIN = {"learning_rate": 0.1, "weight_decay": 0.3, "roles": ROLES}
LIKE_MUON = {  # {preset: what makes it muon, what muon that is}
    "muon_plus": ({"normalise": "rows", "polar": "exact"}, {"nesterov": False, "scale": "unclamped", "polar": "exact"}),
    "mars_m": ({"gamma": 0.0}, {"nesterov": False, "scale": "rms"}),
    "dion2": ({"shrink": 1}, {"nesterov": False, "scale": "unclamped", "polar": "polar_express"}),
    "soap_muon": ({"eps": 1e12}, {}),
    "pmuon": ({"gamma": 0.0}, {}),
    "freon": ({"c": 0.5}, {"polar": "exact"}),
}


def near(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)  # float32, five steps of 0.1


@pytest.mark.parametrize("name", LIKE_MUON)
def test_a_preset_without_what_is_its_own_is_muon(name):
    grads = 0.1 * gradients((3, 4))  # of a wide matrix: its rows are orthogonal, and of length 1; ‖G‖ is below 1
    without, muon = LIKE_MUON[name]
    ours = walk(getattr(optimizers, name)(**PLAIN, **without), grads)
    near(ours, walk(optimizers.muon(**PLAIN, **muon), grads))


@pytest.mark.parametrize(("shape", "sides"), [((5, 2), "rows"), ((2, 5), "columns")])
def test_aurora_with_one_balancing_is_muoneq_of_the_longer_side(shape, sides):
    grads, exact = gradients(shape), {**PLAIN, "polar": "exact"}
    ours = walk(optimizers.aurora(**exact, balancings=1), grads)
    near(ours, walk(optimizers.muoneq(**exact, sides=sides), grads))
    square = gradients((3, 3))
    near(walk(optimizers.aurora(**exact), square), walk(optimizers.muon(**exact), square))


def test_aurora_gives_the_rows_of_a_long_matrix_nearly_one_length_and_stays_orthogonal():
    steps = {
        k: -walk(optimizers.aurora(1.0, balancings=k, scale="none", roles=ROLES), gradients((40, 5), 1))[0]
        for k in (1, 8)
    }
    spread = {k: np.ptp(np.linalg.norm(d, axis=1)) for k, d in steps.items()}
    assert spread[8] < 0.2 * spread[1]
    np.testing.assert_allclose(np.linalg.svd(steps[8])[1], 1, atol=0.01)


def test_namo_of_a_gradient_that_stays_is_muon():
    grads = np.repeat(gradients(steps=1), 5, 0)
    ours = walk(optimizers.namo(**PLAIN, nesterov=False), grads)
    near(ours, walk(optimizers.muon(**PLAIN, nesterov=False, scale="rms"), grads))


def test_polargrad_of_a_rotation_follows_the_gradient_times_its_rank():
    rotation = np.linalg.qr(gradients((3, 3), 1)[0])[0]
    ours = walk(optimizers.polargrad(0.1, momentum=0.0, polar="exact", roles=ROLES), 2 * rotation[None])
    near(ours[0], -0.1 * 3 * 2 * rotation)


def test_polargrad_steps_twice_as_far_for_twice_the_gradient():
    grads, tx = gradients(), optimizers.polargrad(0.1, roles=ROLES)
    near(walk(tx, 2 * grads), 2 * walk(tx, grads))


@pytest.mark.parametrize("axis", [0, 1])
def test_dion2_moves_the_rows_or_columns_where_most_has_gathered_and_those_that_wait_lose_nothing(axis):
    grads = np.ones((3, 2, 4), np.float32) * np.array([[2.0], [1.5]], np.float32)  # the second waits for one step
    grads = grads if axis == 0 else grads.swapaxes(1, 2)
    tx = optimizers.dion2(1.0, momentum=0.0, shrink=2, polar="exact", scale="none", weight_decay=0.0, roles=ROLES)
    moves = np.diff(walk(tx, grads), axis=0, prepend=0)
    moved = np.abs(moves).max(2 - axis) > 0
    np.testing.assert_array_equal(moved, [[True, False], [False, True], [True, False]])


@pytest.mark.parametrize(("c", "order"), [(0.3, 1), (0.8, -1)])
def test_freon_keeps_the_order_of_singular_values_below_one_half_and_inverts_it_above(c, order):
    grads = gradients((3, 4), 1)
    u, s, vt = np.linalg.svd(grads[0], full_matrices=False)
    d = np.diag(u.T @ -walk(optimizers.freon(1.0, c=c, scale="none", roles=ROLES), grads)[0] @ vt.T)
    np.testing.assert_allclose(d / d[0], (s / s[0]) ** (1 - 2 * c), rtol=1e-4)
    assert (np.diff(d) * order < 0).all()
    assert np.mean(d ** (1 / (1 - 1 / (2 - 2 * c)))) == pytest.approx(1, rel=1e-4)  # its conjugate Schatten norm


def test_kaon_has_the_singular_vectors_of_the_momentum_and_values_without_order():
    grads = gradients((8, 9), 1)
    u, _, vt = np.linalg.svd(grads[0], full_matrices=False)
    d = u.T @ -walk(optimizers.kaon(1.0, scale="none", roles=ROLES), grads)[0] @ vt.T
    np.testing.assert_allclose(d, np.diag(np.diag(d)), atol=1e-3)  # the map makes some hundred of a rounding
    values = np.diag(d)
    assert ((values >= -1e-3) & (values <= 1.001)).all()
    assert (np.diff(values) > 0.05).any()
    assert (np.diff(values) < -0.05).any()


def test_muown_changes_the_lengths_of_rows_by_adam_alone():
    start, grads = gradients((4, 3), 1)[0], gradients((4, 3), 6)
    lengths = np.linalg.norm(walk(optimizers.muown(0.01, roles=ROLES), grads, start), axis=2)
    first = np.sum(grads[0] * start, 1) / np.linalg.norm(start, axis=1)
    np.testing.assert_allclose(lengths[0], np.linalg.norm(start, axis=1) - 0.01 * np.sign(first), rtol=1e-5)
    turned = walk(optimizers.muown(0.01, b1=0.0, eps=1e12, roles=ROLES), grads, start)  # no step of the lengths
    np.testing.assert_allclose(
        np.linalg.norm(turned, axis=2), np.linalg.norm(start, axis=1)[None].repeat(6, 0), rtol=1e-5
    )


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_muown_moves_rows_of_zeros(weight_decay):
    tx = optimizers.muown(0.01, weight_decay=weight_decay, roles=ROLES)
    grads = np.repeat(gradients((4, 3), 1), 5, 0)
    path = walk(tx, grads)
    assert np.isfinite(path).all()
    lengths = np.linalg.norm(path, axis=2)
    assert (lengths[-1] > 0.01).all()


STEPS = 4
FREE = ("muon", "muon_plus", "namo", "mars_m", "dion2", "soap_muon", "pmuon", "aurora", "freon", "kaon", "muown")
SPIKE = np.array([1, 1e4, 1, 1], np.float32)


@pytest.mark.parametrize(
    "name", ["muon", "muon_plus", "namo", "dion2", "soap_muon", "pmuon", "aurora", "freon", "kaon"]
)
def test_a_spike_of_the_gradient_makes_no_long_step(name):
    """All but polargrad, which follows the size, take steps no longer than a few of their own."""
    grads = gradients((3, 5), STEPS)
    tx = getattr(optimizers, name)(0.1, weight_decay=0.0, scale="none", roles=ROLES)
    steps = [
        np.linalg.norm(np.diff(walk(tx, g), axis=0, prepend=0), axis=(1, 2))
        for g in (grads, SPIKE[:, None, None] * grads)
    ]
    assert steps[1].max() < 3 * steps[0].max()


FORMS = {  # {how a kernel of query, key and value with two heads lies: its shape, its role, its axes, outputs first}
    "heads": ((4, 3, 2, 5), ParameterRole("matrix", inputs=(0,), outputs=(3,), stacked=(1, 2)), (1, 2, 3, 0)),
    "fused": ((4, 30), ParameterRole("matrix", inputs=(0,), outputs=(1,), parts=6), (1, 0)),
    "fused, outputs first": ((30, 4), ParameterRole("matrix", inputs=(1,), outputs=(0,), parts=6), (0, 1)),
}


@pytest.mark.parametrize(
    ("rule", "name"), [*(("muon", name) for name in FORMS), ("muown", "fused"), ("pmuon", "heads")]
)
def test_each_head_of_query_key_and_value_is_a_matrix_of_its_own_where_that_is_declared(rule, name):
    shape, role, axes = FORMS[name]
    grads, start = gradients(shape, 2), gradients(shape, 1)[0]
    make = lambda role: getattr(optimizers, rule)(0.1, roles={"w": role})  # noqa: E731
    fused = walk(make(role), grads, start)
    each = lambda x: x.transpose(axes).reshape(6, 5, 4)  # noqa: E731
    one = make(ParameterRole("matrix", inputs=(1,), outputs=(0,)))
    for i in (0, 4):
        alone = walk(one, np.stack([each(g)[i] for g in grads]), each(start)[i])
        np.testing.assert_allclose(each(fused[-1])[i], alone[-1], rtol=1e-4, atol=1e-5)


def test_outputs_that_are_no_whole_parts_are_refused():
    role = ParameterRole("matrix", inputs=(0,), outputs=(1,), parts=3)
    with pytest.raises(PadlError, match=r"of shape \[4, 10\] has 10 outputs, which are not 3 parts of one size"):
        optimizers.muon(roles={"w": role}).init({"w": np.ones((4, 10), np.float32)})
    with pytest.raises(PadlError, match="parts=2 is to be a whole number"):
        ParameterRole("bias", outputs=(0,), parts=2)
