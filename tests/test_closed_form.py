"""Least squares in closed form against exact fractions, and a linear regression's run beside its optimum."""

import json
from fractions import Fraction

import numpy as np
import pytest

import padl
from padl.app.linear_optimum import against_optimum
from padl.app.run_spec import check
from padl.app.train import QUIET
from padl.cli.tables import print_summary
from padl.closed_form import shortest, with_ones
from padl.types import PadlError

SQUARED = "ignore:the normal equation squares"
SMALL = {"name": "permeability", "rows": 100}


def drawn(rows=30, columns=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, columns)), rng.normal(size=rows)


def exact(X, y):
    """The θ of the normal equation in fractions: the numbers of X and y are taken at their word, nothing is rounded."""
    columns = [[Fraction(x) for x in column] for column in X.T]
    right = [Fraction(x) for x in y]
    dot = lambda a, b: sum((p * q for p, q in zip(a, b, strict=True)), Fraction(0))  # noqa: E731
    rows = [[dot(a, b) for b in columns] + [dot(a, right)] for a in columns]
    for i in range(len(rows)):
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for j in range(len(rows)):
            if j != i:
                rows[j] = [x - rows[j][i] * p for x, p in zip(rows[j], rows[i], strict=True)]
    return np.array([float(row[-1]) for row in rows])


def off(theta, truth):
    return np.linalg.norm(theta - truth) / np.linalg.norm(truth)


# The closed form.


def test_theta_is_that_of_the_textbook():
    X, y = drawn()
    fit = padl.least_squares(X, y)
    np.testing.assert_allclose(fit.theta, np.linalg.inv(X.T @ X) @ X.T @ y, rtol=1e-12)
    np.testing.assert_allclose(fit.residual, ((y - X @ fit.theta) ** 2).sum(), rtol=1e-14)
    assert fit.rank == 4
    np.testing.assert_allclose(fit.condition, np.linalg.cond(X), rtol=1e-12)


def test_the_error_at_the_minimum_is_orthogonal_to_every_column():
    X, y = drawn(200, 7, seed=1)
    np.testing.assert_allclose(X.T @ (y - X @ padl.least_squares(X, y).theta), 0, atol=1e-13)


def test_no_other_theta_has_a_smaller_residual():
    X, y = drawn()
    fit = padl.least_squares(X, y)
    others = fit.theta + 1e-3 * np.random.default_rng(2).normal(size=(100, 4))
    assert (((y - others @ X.T) ** 2).sum(1) > fit.residual).all()


@pytest.mark.filterwarnings(SQUARED)
@pytest.mark.parametrize("degree", [4, 8, 11])
def test_qr_loses_the_condition_number_and_the_normal_equation_its_square(degree):
    points = np.linspace(0, 1, 20)
    X = np.vander(points, degree + 1, increasing=True)
    y = X @ np.ones(degree + 1)
    truth, eps = exact(X, y), np.finfo(float).eps
    fit, normal = padl.least_squares(X, y), padl.normal_equation(X, y)
    assert off(fit.theta, truth) < fit.condition * eps  # at most; the columns' scales flatter κ
    assert off(normal.theta, truth) > 1e-4 * fit.condition**2 * eps  # degree 11: κ = 3e8, nothing is left
    assert off(normal.theta, truth) > 10 * off(fit.theta, truth)


def test_the_normal_equation_says_how_many_digits_it_loses():
    X = np.vander(np.linspace(0, 1, 20), 7)
    with pytest.warns(RuntimeWarning, match=r"1\.8e\+04 of X, 3\.3e\+08 of XᵀX; about 7 of 16 .* 11 by"):
        assert padl.normal_equation(X, X[:, 0]).condition == pytest.approx(np.linalg.cond(X))


@pytest.mark.filterwarnings(SQUARED)
def test_the_normal_equation_refuses_columns_whose_squares_overflow_and_least_squares_takes_them():
    X, y = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]]) * 1e200, np.array([3.0, 7.0, 12.0])
    np.testing.assert_allclose(
        padl.least_squares(X, y).theta, [1e-200, 1e-200], rtol=1e-12
    )  # y is the sum of the columns
    with pytest.raises(PadlError, match=r"too large for float64: use padl.least_squares"):
        padl.normal_equation(X, y)


@pytest.mark.filterwarnings(SQUARED)
def test_the_normal_equation_refuses_a_singular_matrix():
    with pytest.raises(PadlError, match=r"singular in float64.*use padl.least_squares"):
        padl.normal_equation([[1, 1], [1, 1], [1, 1]], [1, 2, 3])


def test_of_dependent_columns_the_shortest_theta_is_given_and_said():
    X, y = drawn()
    X = np.column_stack([X, X[:, 0] - 3 * X[:, 1], np.zeros(30)])
    with pytest.warns(RuntimeWarning, match=r"rank 4 of 6 columns.*this is the shortest"):
        fit = padl.least_squares(X, y)
    np.testing.assert_allclose(fit.theta, np.linalg.pinv(X) @ y, rtol=1e-10, atol=1e-14)
    assert (fit.rank, fit.condition) == (4, np.inf)
    np.testing.assert_allclose(fit.residual, padl.least_squares(X[:, :4], y).residual, rtol=1e-12)


def test_units_decide_nothing():
    X, y = drawn()
    units = 2.0 ** np.array([-60, 0, 3, 50])
    scaled = padl.least_squares(X * units, y)
    np.testing.assert_array_equal(scaled.theta * units, padl.least_squares(X, y).theta)
    assert scaled.rank == 4


def test_with_fewer_rows_than_columns_the_shortest_theta_fits_every_row():
    X, y = drawn(3, 5)
    fit = shortest(X, y)
    np.testing.assert_allclose(fit.theta, np.linalg.pinv(X) @ y, rtol=1e-12)
    assert fit.residual < 1e-28


def test_a_column_of_ones_is_an_intercept():
    (x, y), line = drawn(20, 1), np.array([2.0, -3.0])
    np.testing.assert_allclose(padl.least_squares(with_ones(x), line[0] * x[:, 0] + line[1]).theta, line, rtol=1e-14)
    np.testing.assert_allclose(padl.least_squares(with_ones(x), y).theta, np.polyfit(x[:, 0], y, 1), rtol=1e-12)


def test_arrays_of_jax_are_solved_in_float64():
    import jax.numpy as jnp

    X, y = (a.astype(np.float32) for a in drawn())
    fit = padl.least_squares(jnp.asarray(X), jnp.asarray(y))
    assert fit.theta.dtype == np.float64
    np.testing.assert_array_equal(fit.theta, padl.least_squares(X.astype(float), y.astype(float)).theta)


@pytest.mark.parametrize("solve", [padl.least_squares, padl.normal_equation])
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones(3), np.ones(3), r"X of shape \(3,\): it must be \(rows, columns\)"),
        (np.ones((0, 2)), np.ones(0), r"X of shape \(0, 2\).* at least one of each"),
        (np.ones((2, 0)), np.ones(2), r"X of shape \(2, 0\)"),
        (np.ones((3, 1)), np.ones((3, 1)), r"y of shape \(3, 1\) .*one number a row, \(3,\)"),
        (np.ones((3, 1)), np.ones(4), r"y of shape \(4,\)"),
        (np.ones((2, 3)), np.ones(2), "2 rows for 3 columns"),
        ([[1.0], [np.nan]], [1, 2], "X: nan in column '0', row 2 of 2"),
        ([[1.0], [2.0]], [np.inf, 2], "y: inf in column 'y', row 1 of 2"),
        ([["a"], ["b"]], [1, 2], "X must be an array of real numbers"),
        ([[1j], [2]], [1, 2], "X must be an array of real numbers"),
        ([[1, 2], [3]], [1, 2], "X must be an array of real numbers"),
    ],
)
def test_bad_input_is_refused_in_one_line(solve, X, y, message):
    with pytest.raises(PadlError, match=message) as caught:
        solve(X, y)
    assert "\n" not in str(caught.value)


# A run beside its optimum.


LINEAR = {"task": SMALL, "model": "linear", "devices": 1}
GD = {"name": "gd", "learning_rate": 0.5}


def optimum_of(**config):
    """The optimum of a run that is not trained."""
    return against_optimum(check({**LINEAR, **QUIET, **config}), None)


def standardised(task, seed=0, **scalars):
    """(X with ones, y) of each side, from the definitions, in float64."""
    split, rows = task.split(seed, scalars), task.rows
    inputs, targets = rows["inputs"].astype(float), rows["targets"].astype(float)
    if "noise" in rows:
        targets = targets + scalars["noise"] * rows["noise"].astype(float)
    train = split.train
    X = (inputs - inputs[train].mean(0)) / np.where(inputs[train].std(0) > 0, inputs[train].std(0), 1)
    y = (targets - targets[train].mean()) / targets[train].std()
    return [(with_ones(X[side]), y[side]) for side in (train, split.held_out)]


def loss(side, theta):
    return ((side[1] - side[0] @ theta) ** 2).mean()


@pytest.fixture(scope="module")
def descended():
    return padl.train(**LINEAR, optimizer={"name": "gd", "learning_rate": 0.1}, steps=40)


def test_a_linear_run_is_weighed_against_the_optimum_of_its_own_rows(descended):
    sides = standardised(padl.task("permeability", rows=100), noise=0.05)
    best, optimum = padl.least_squares(*sides[0]).theta, descended.summary["optimum"]
    reached = np.concatenate([np.ravel(descended.params[f"head.{name}"]) for name in ("kernel", "bias")]).astype(float)
    wanted = [loss(side, theta) for theta in (best, reached) for side in sides]
    names = ("optimum_train_loss", "optimum_held_out_loss", "train_loss", "held_out_loss")
    np.testing.assert_allclose([optimum[name] for name in names], wanted, rtol=1e-5)  # statistics are kept in float32
    far = ((sides[0][0] @ (reached - best)) ** 2).mean()  # Pythagoras: the excess is a squared length
    np.testing.assert_allclose(optimum["excess_loss"], far, rtol=1e-4)
    assert (optimum["rank"], optimum["columns"]) == (5, 5)


def test_the_loss_reached_on_held_out_rows_is_the_runs_own(descended):
    np.testing.assert_allclose(
        descended.summary["optimum"]["held_out_loss"], descended.summary["final"]["loss"], rtol=1e-5
    )


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "adam", "clip_norm": 0.1, "ema": 0.9, "steps": 40},
        {"optimizer": GD, "dtype": "bfloat16", "steps": 500},
        {"optimizer": GD, "steps": 1500, "steps_per_call": 500},
    ],
    ids=["clipped and averaged", "bfloat16", "converged"],
)
def test_no_run_is_below_its_optimum_by_more_than_rounding(options):
    optimum = padl.train(**LINEAR, **options).summary["optimum"]
    assert optimum["excess_loss"] >= -1e-15
    assert optimum["excess_loss"] == optimum["train_loss"] - optimum["optimum_train_loss"]
    if options["steps"] == 1500:
        assert optimum["excess_loss"] < 1e-11  # parameters in float32


def test_noise_and_seed_of_the_run_are_those_of_its_optimum():
    optimum = optimum_of(task={**SMALL, "noise": 0.5}, seed=3)
    train, _ = standardised(padl.task("permeability", rows=100), seed=3, noise=0.5)
    np.testing.assert_allclose(optimum["optimum_train_loss"], padl.least_squares(*train).residual / 80, rtol=1e-5)


def test_a_table_with_a_column_for_each_text_has_an_optimum_and_says_its_rank(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{c},7,{x},{x + len(c)}" for c, x in zip(["red", "green"] * 20, rng.normal(size=40), strict=True)]
    (tmp_path / "table.csv").write_text("\n".join(["colour,constant,x,y", *lines]))
    table = {"name": "csv", "path": str(tmp_path / "table.csv")}
    optimum = padl.train(**{**LINEAR, "task": table}, optimizer={**GD, "learning_rate": 0.2}, steps=300).summary[
        "optimum"
    ]
    assert (optimum["rank"], optimum["columns"]) == (3, 5)
    assert optimum["optimum_train_loss"] < 1e-12  # the law is linear; the table's numbers are kept in float32
    assert 0 <= optimum["excess_loss"] < 1e-8


def test_a_run_that_diverged_has_an_optimum_and_no_excess(padl_command):
    words = ("task=permeability", "task.rows=100", "model=linear", "optimizer=gd", "optimizer.learning_rate=9")
    code, out, _ = padl_command("train", *words, "steps=200", "wandb.mode=disabled", "run.plot=false", "devices=1")
    assert code == 3
    assert "by least squares: the run diverged\n" in out
    assert "reached" not in out


def test_a_command_prints_and_records_the_excess(padl_command, tmp_path):
    words = ("task=permeability", "task.rows=100", "model=linear", "optimizer=gd", "steps=40", "devices=1")
    code, out, _ = padl_command("train", *words, "wandb.mode=disabled", "run.plot=false")
    (summary,) = (tmp_path / "runs").glob("*/summary.json")
    optimum = json.loads(summary.read_text())["optimum"]
    assert code == 0
    assert f"by least squares, {optimum['train_loss']:.7g} reached: excess loss {optimum['excess_loss']:.3g}\n" in out
    assert f"loss {optimum['optimum_held_out_loss']:.7g} at the optimum, {optimum['held_out_loss']:.7g} reached" in out


@pytest.mark.parametrize(
    "config",
    [{"loss": "mae"}, {"loss": "huber"}, {"loss": "gaussian_nll"}, {"model": "mlp"}, {"task": "digits"}],
    ids=["mae", "huber", "two outputs", "mlp", "digits"],
)
def test_a_run_without_a_closed_form_says_nothing_of_one(config):
    assert optimum_of(**config) == {}


def test_a_surface_has_no_least_squares():
    assert against_optimum(check({"task": "surface", **QUIET}), {"point": np.zeros(2)}) == {}


def test_a_run_whose_optimum_would_keep_it_waiting_has_none_and_says_so(monkeypatch, capsys):
    assert "left_out" not in optimum_of()
    monkeypatch.setattr("padl.app.linear_optimum.LARGEST", 80 * 5**2 - 1)
    assert optimum_of() == {"left_out": "80 rows of 5 columns are more than is solved beside a run"}
    record = padl.train(**LINEAR, steps=1)
    print_summary(record.summary, None, None)
    assert "optimum  left out: 80 rows of 5 columns" in capsys.readouterr().out


def test_the_members_of_a_sweep_have_the_excess_that_they_have_alone(tmp_path, descended):
    over = {"learning_rate": [0.05, 0.1]}
    results = padl.sweep(
        task=SMALL,
        model="linear",
        optimizer="gd",
        over=over,
        steps=40,
        sweep={"strategy": "vmap"},
        run={"dir": str(tmp_path)},
    )
    kept = [
        json.loads((results.folder / row["folder"] / "summary.json").read_text())["optimum"] for row in results.rows
    ]
    assert kept[0]["excess_loss"] > kept[1]["excess_loss"] > 0
    np.testing.assert_allclose(kept[1]["excess_loss"], descended.summary["optimum"]["excess_loss"], rtol=1e-4)
