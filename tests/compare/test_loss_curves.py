"""The pictures of losses: finite, with the slope that they show, what the losses declare; jumps are gaps."""

import re
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl import losses
from padl.app import names
from padl.compare import loss_curves
from padl.compare.loss_curves import POINTS, Curve, draw, points, sample, unbroken
from padl.losses.plot_axes import RESIDUAL, View

ENTRIES = {entry.name: entry for entry in names.of("loss") if entry.origin == "padl"}
of_every_loss = pytest.mark.parametrize("name", sorted(ENTRIES))


class Drawn(NamedTuple):
    x: np.ndarray
    value: np.ndarray
    gradient: np.ndarray
    traits: dict

    @property
    def step(self):
        return self.x[1] - self.x[0]


@cache
def drawn(name):
    """A loss along its view with its defaults, float64."""
    view = ENTRIES[name].traits["view"]
    loss, traced = ENTRIES[name].split({})
    with jax.enable_x64(True):
        values, gradients = sample(loss, view, {k: np.array([v]) for k, v in traced.items()})
    return Drawn(points(view), values[0], gradients[0], dict(ENTRIES[name].traits))


@of_every_loss
def test_a_loss_and_its_gradient_are_finite_along_its_view(name):
    assert np.isfinite(drawn(name).value).all()
    assert np.isfinite(drawn(name).gradient).all()


@of_every_loss
def test_the_gradient_in_the_picture_is_the_slope_of_the_value_in_it(name):
    it = drawn(name)
    parts = unbroken(it.gradient)
    assert len(parts) <= 3  # the triplet has two corners, no loss more
    for part in parts:
        slope, gradient = np.diff(it.value[part]) / it.step, it.gradient[part]
        # trapezoids of a step of at most 0.01: step² of the third derivative, and a step of a bend of the gradient
        np.testing.assert_allclose(slope, (gradient[1:] + gradient[:-1]) / 2, rtol=1e-3, atol=4e-3)


@of_every_loss
def test_a_loss_that_is_said_to_be_convex_bends_up_along_its_view(name):
    if drawn(name).traits["convex"]:
        assert np.diff(drawn(name).value, 2).min() > -1e-12  # float64 of values up to about 10


@of_every_loss
def test_a_loss_stays_in_its_range_along_its_view(name):
    value, said = drawn(name).value, drawn(name).traits["range"]
    if said.startswith("[0"):
        assert value.min() >= 0
    if upper := re.fullmatch(r"\[0, (\d+)\]", said):
        assert value.max() <= float(upper[1])


@of_every_loss
def test_a_curve_is_no_flat_line_of_nothing(name):
    assert np.ptp(drawn(name).value) > 0.1


@of_every_loss
def test_only_the_predictions_change_along_a_view(name):
    view = ENTRIES[name].traits["view"]
    first, last = view.arguments(jnp.float32(view.low)), view.arguments(jnp.float32(view.high))
    assert not np.array_equal(first[0], last[0])
    for a, b in zip(first[1:], last[1:], strict=True):
        np.testing.assert_array_equal(a, b)


def test_several_values_of_a_hyperparameter_are_one_compilation():
    traces = []

    def counted(*arguments, delta):
        traces.append(delta)
        return losses.huber(*arguments, delta=delta)

    values, gradients = sample(counted, RESIDUAL, {"delta": np.array([0.5, 1.0, 2.0])})
    assert values.shape == gradients.shape == (3, POINTS)
    assert len(traces) == 1
    np.testing.assert_allclose(gradients[:, -1], [0.5, 1, 2])
    np.testing.assert_allclose(gradients[:, 0], [-0.5, -1, -2])


# Jumps


def test_a_jump_is_a_gap_and_a_bend_is_none():
    (left, right) = unbroken(drawn("mae").gradient)
    assert (left.stop, right.start) == (POINTS // 2, POINTS // 2)
    (left, right) = unbroken(drawn("hinge").gradient)
    assert drawn("hinge").x[left.stop - 1] < 1 < drawn("hinge").x[right.start]
    for name in ("mse", "huber", "smooth_l1", "bce", "focal", "info_nce"):
        assert unbroken(drawn(name).gradient) == [slice(0, POINTS)], name


def test_no_value_of_a_registered_loss_jumps():
    assert all(unbroken(it.value) == [slice(0, POINTS)] for it in map(drawn, ENTRIES))


def test_a_point_on_the_jump_itself_is_left_out():
    assert unbroken(np.sign(np.arange(-4.0, 5))) == [slice(0, 4), slice(5, 9)]


def test_what_is_not_finite_is_a_gap():
    y = np.arange(8.0)
    y[3] = np.inf
    assert unbroken(y) == [slice(0, 3), slice(4, 8)]
    assert unbroken(np.full(8, np.nan)) == []


# Pictures


def curves(*chosen):
    return [Curve(name, drawn(name).value, drawn(name).gradient) for name in chosen]


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_a_picture_is_of_the_kind_of_its_suffix(tmp_path, suffix, begins):
    file = tmp_path / f"both.{suffix}"
    draw(RESIDUAL, curves("mae", "huber"), "mae, huber", file)
    assert file.read_bytes().startswith(begins)


def panel(view, curves):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    loss_curves._panel(axes, view, curves)
    return axes


def test_no_line_is_drawn_through_a_jump_and_a_curve_has_one_label():
    axes = panel(RESIDUAL, [(c.label, c.gradient) for c in curves("mae", "mse")])
    assert axes.get_legend_handles_labels()[1] == ["mae", "mse"]
    of_mae = [line for line in axes.lines if line.get_color() == loss_curves.COLOURS[0]]
    assert [set(line.get_ydata()) for line in of_mae] == [{-1.0}, {1.0}]


def test_a_constant_is_drawn_in_the_middle_and_its_rounding_is_not():
    axes = panel(View("", 0, 1, lambda x: ()), [("", -1 + 1e-7 * np.sin(np.arange(POINTS)))])
    assert axes.get_ylim() == pytest.approx((-2, 0), abs=1e-3)


def test_curves_are_told_apart_by_colour_and_dashes():
    looks = {(i % len(loss_curves.COLOURS), i % len(loss_curves.DASHES)) for i in range(loss_curves.MOST)}
    assert len(looks) == loss_curves.MOST
