"""A function of a point is a surface to walk on."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.surfaces.own_function import of_function
from padl.types import PadlError


def bowl(point):
    return (point[0] - 1) ** 2 + 10 * (point[1] + 2) ** 2


def test_its_lowest_point_is_found_in_the_view():
    found = of_function(bowl, "bowl", (3.0, 1.0), view=((-1.0, 4.0), (-4.0, 2.0)))
    np.testing.assert_allclose(found.minima[0], (1.0, -2.0), atol=1e-2)
    assert found.floor == pytest.approx(0.0, abs=1e-4)
    assert not found.exact
    assert of_function(lambda p: jnp.cosh(p[0] - 0.5), "hang", (0.0,)).floor == pytest.approx(1.0, abs=1e-5)


def test_the_box_about_a_start_is_as_wide_as_it_is_far_from_zero():
    assert of_function(bowl, "bowl", (3.0, 0.5)).view == ((-3.0, 9.0), (-1.5, 2.5))


def test_gradient_descent_on_it_takes_the_steps_of_its_gradient():
    optimizers = ["gd", {"name": optax.sgd, "label": "Optax's"}]
    seen = padl.trajectories(bowl, start=(3.0, 1.0), steps=3, optimizers=optimizers, learning_rates=[0.05])
    point = np.array([3.0, 1.0])
    for _ in range(3):
        point = point - 0.05 * np.array([2 * (point[0] - 1), 20 * (point[1] + 2)])
    for path in seen.paths.values():
        np.testing.assert_allclose(path.points[0, 0, -1], point, rtol=1e-5)


@pytest.mark.parametrize(
    ("function", "settings", "line"),
    [
        (bowl, {"start": (1.0, 2.0, 3.0)}, "a surface is of one or two"),
        (lambda p: p[0] + "a", {"start": (1.0,)}, "cannot be called with a point"),
        (lambda p: p, {"start": (1.0,)}, r"gives an array \(1,\) for a point"),
        (lambda p: jnp.nan * p[0], {"start": (1.0,)}, "is nowhere finite"),
        (bowl, {"start": (1.0, 2.0), "view": ((0.0, 1.0),)}, "must be"),
        (bowl, {"start": (1.0, 2.0), "view": ((1.0, 0.0), (0.0, 1.0))}, "must be"),
    ],
)
def test_what_is_no_surface_is_one_line(function, settings, line):
    with pytest.raises(PadlError, match=line) as error:
        of_function(function, "own", **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("surface", "settings", "line"),
    [
        (bowl, {}, "say where to begin"),
        (bowl, {"start": (1.0, 2.0), "condition": 10.0}, "leave it out"),
        (bowl, {"start": (1.0, 2.0), "optimizers": [3]}, "optimizer"),
        ("valley", {"view": ((0.0, 1.0), (0.0, 1.0))}, "is for a function from Python"),
    ],
)
def test_what_a_function_needs_or_cannot_use_is_one_line(surface, settings, line):
    with pytest.raises(PadlError, match=line):
        padl.trajectories(surface, **settings)
