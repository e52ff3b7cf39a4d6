"""Optimizers on surfaces of matrices: they are given the matrices, and what can be drawn of their walks is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import padl
from padl.app.compare import run as compare_run
from padl.compare import report, trajectories
from padl.compare.trajectories import Candidate
from padl.engine.operations import SAFE_SINCE
from padl.registry import StaticPartial
from padl.roles import ParameterRole
from padl.surfaces.matrix_landscapes import linear_network, matrix_least_squares
from padl.types import PadlError

FEW = {"steps": 30, "learning_rates": 3, "learning_rate_range": [1e-3, 1e-1]}
SURFACES = {"matrix_least_squares": {"X": (4, 3)}, "linear_network": {"W1": (4, 3), "W2": (3, 4)}}


@pytest.mark.parametrize("surface", SURFACES)
def test_an_optimizer_is_given_the_matrices_by_their_names(surface):
    seen = []

    def looks(learning_rate):
        def update(grads, state, params):
            seen.append([{name: x.shape for name, x in tree.items()} for tree in (grads, params)])
            return jax.tree.map(lambda g: -learning_rate * g, grads), state

        return optax.GradientTransformation(lambda params: (), update)

    walked = padl.trajectories(surface, optimizers=[looks, "gd"], **FEW)
    assert seen[0] == [SURFACES[surface], SURFACES[surface]]
    np.testing.assert_array_equal(walked.paths["looks"].points, walked.paths["gd"].points)


@pytest.mark.parametrize("make", [matrix_least_squares, linear_network])
def test_the_step_of_a_rule_for_matrices_is_that_of_its_matrices(make):
    landscape, rate = make(), 0.05
    muon = Candidate(StaticPartial(contrib.muon), {"learning_rate": 0.0})
    starts = np.array([landscape.start])
    points = trajectories.run(landscape, {"muon": muon}, starts, rates=[rate], steps=2)["muon"].points[0, 0]
    forms = landscape.params(np.asarray(points, np.float32))
    rule, params = contrib.muon(rate), {name: jnp.asarray(x[0]) for name, x in forms.items()}
    grads = landscape.params(np.asarray(jax.grad(landscape.height)(jnp.asarray(points[0]))))
    updates, _ = rule.update(grads, rule.init(params), params)
    for name, x in forms.items():
        np.testing.assert_allclose(x[1] - x[0], updates[name], atol=1e-5)
        singular = np.linalg.svd(x[1] - x[0], compute_uv=False)
        assert singular.max() < 1.8 * singular.min()  # its polynomial brings all to between 0.68 and 1.13


@pytest.mark.parametrize("make", [matrix_least_squares, linear_network])
def test_an_optimizer_that_asks_for_roles_is_given_the_declared_ones(make):
    seen = []

    def looks(learning_rate, roles=None):
        seen.append(roles)
        return optax.sgd(learning_rate)

    landscape = make()
    candidate = Candidate(StaticPartial(looks), {"learning_rate": 0.0})
    trajectories.run(landscape, {"looks": candidate}, np.array([landscape.start]), rates=[0.01], steps=2)
    matrix = ParameterRole("matrix", inputs=(1,), outputs=(0,))
    assert seen[0] == dict.fromkeys(landscape.forms, matrix)


def test_the_norms_of_declared_matrices_are_held():
    held = {"name": "hyperball", "inner": {"name": "sgd"}}
    walked = padl.trajectories("linear_network", optimizers=[held], **FEW)
    points = next(iter(walked.paths.values())).points
    norms = np.stack([np.linalg.norm(points[..., :12], axis=-1), np.linalg.norm(points[..., 12:], axis=-1)])
    np.testing.assert_allclose(norms, np.broadcast_to(norms[..., :1], norms.shape), rtol=1e-4)  # float32, 30 steps
    assert np.ptp(points, axis=-2).max() > 0.1


@pytest.mark.parametrize("surface", SURFACES)
def test_rules_for_vectors_walk_to_the_lowest_point(surface):
    walked = padl.trajectories(surface, optimizers=["momentum", "adam"], steps=400, learning_rates=8)
    for label, path in walked.paths.items():
        shown = walked.chosen[label].rate
        assert path.losses[shown, 0, -1] < 1e-3 * path.losses[shown, 0, 0]
        assert path.distances[shown, 0, -1] < 0.02 * path.distances[shown, 0, 0]


def test_a_walk_that_decomposes_takes_one_matrix_at_a_time_where_several_may_hang():
    def whitened(learning_rate):
        def update(grads, state, params=None):
            roots = lambda g: jnp.linalg.eigh(g @ g.T + 1e-3 * jnp.eye(len(g)))[1]  # noqa: E731
            return jax.tree.map(lambda g: -learning_rate * (roots(g) @ g), grads), state

        return optax.GradientTransformation(lambda params: (), update)

    landscape = linear_network()
    candidates = {"whitened": Candidate(StaticPartial(whitened), {"learning_rate": 0.0})}
    starts, rates = np.array([landscape.start, landscape.minima[0]]), np.array([0.01, 0.1], np.float32)
    program, arguments = trajectories._program(landscape, candidates, starts, rates, 3, 0, 0.0, None)
    shapes = [
        line for line in str(program.trace(*arguments).jaxpr).splitlines() if " eigh[" in line or "= eigh" in line
    ]
    assert shapes
    batched = [line for line in shapes if "f32[2,2," in line]
    assert bool(batched) is (jax.__version_info__ >= SAFE_SINCE)
    outputs = trajectories.run(landscape, candidates, starts, rates=rates, steps=3)["whitened"]
    assert outputs.points.shape == (2, 2, 4, 24)
    assert np.isfinite(outputs.losses).all()


def test_what_a_picture_can_hold_is_drawn_and_the_rest_is_named(tmp_path):
    settings = {"surface": "linear_network", "optimizers": ["gd", "adam"], "starts": 2, "run": {"dir": str(tmp_path)}}
    result = compare_run.run(settings | FEW, [])
    assert [picture.name for picture in result.pictures] == ["progress.png", "rates.png"]
    notes = list(report.notes(result.comparison))
    assert "no picture of the paths, and no race: a point is 24 numbers (W1 4x3 and W2 3x4)" in notes
    assert any("distance: of the last W2 W1 from where it is lowest" in note for note in notes)


def test_a_notebook_is_shown_the_first_picture_that_there_is():
    walked = padl.trajectories("matrix_least_squares", optimizers=["gd"], **FEW)
    assert len(walked.plot().axes) == 2  # the progress
    with pytest.raises(PadlError, match="no picture 'paths'"):
        walked.plot("paths")
