"""The worked drop-ins of plugins/ do what they say: against its equation in float64, in a sweep, in the table."""

import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from markdown_blocks import ROOT, text_of

import padl
from padl import registry
from padl.optimizers.transformation import measures_of, needs_of, readout_of
from padl.roles.role import usual

START = {"kernel": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]]), "bias": np.array([0.5, -0.25, 2.0])}
CURVATURE = {"kernel": np.array([[1.0, 4.0, 0.5], [2.0, 0.1, 3.0]]), "bias": np.array([2.0, 1.0, 0.3])}
EXAMPLES = sorted(file.name for file in (ROOT / "plugins").glob("example_*.py"))


def gradient(params):
    """Of the sum of c θ² / 2: its Hessian has the diagonal c and nothing beside it."""
    return jax.tree.map(lambda c, p: c * p, CURVATURE, params)


def flat(tree):
    return np.concatenate([np.ravel(tree[name]) for name in START])


C, X = flat(CURVATURE), flat(START)


def walked(tx, steps, measured=False):
    """Where the optimizer leads in float64, what is judged there, and what is measured of the last step."""
    with jax.enable_x64(True):
        params = jax.tree.map(jnp.asarray, START)
        state = tx.init(params)
        for t in range(steps):
            extras = {"grad_fn": gradient, "key": jax.random.key(t)}
            given = {need: extras[need] for need in needs_of(tx)}
            updates, state = tx.update(gradient(params), state, params, **given)
            logged = measures_of(tx)(state, updates, params) if measured else {}
            params = optax.apply_updates(params, updates)
        return flat(params), flat(readout_of(tx)(state, params)), logged


def near(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-12)  # a number that is traced may be float32


def test_adgd_steps_by_half_the_inverse_of_the_change_of_the_gradient():
    x, step, growth, before = X, 0.01, 0.0, None
    for _ in range(4):
        if before is not None:
            local = np.linalg.norm(x - before) / (2 * np.linalg.norm(C * (x - before)))
            new = min(np.sqrt(1 + growth) * step, local)
            step, growth = new, new / step
        else:
            growth = 1.0
        before, x = x, x - step * C * x
    near(walked(padl.optimizer("adgd", first=0.01), 4)[0], x)


def test_averaged_sgd_judges_a_mean_in_which_a_point_weighs_by_its_step():
    points = [X * (1 - 0.1 * C) ** t for t in (1, 2, 3)]
    trained, judged, _ = walked(padl.optimizer("averaged_sgd", learning_rate=0.1, power=2.0), 3)
    near(trained, points[-1])
    weights = np.array([1 * 2, 2 * 3, 3 * 4])  # t (t+1): what the paper's recursion comes to for a power of 2
    near(judged, np.average(points, axis=0, weights=weights))


def test_extragradient_goes_by_the_gradient_where_a_step_would_lead():
    near(walked(padl.optimizer("extragradient", learning_rate=0.1), 2)[0], X * (1 - 0.1 * C * (1 - 0.1 * C)) ** 2)


def test_diagonal_newton_knows_a_diagonal_hessian():
    tx = padl.optimizer("diagonal_newton", learning_rate=0.5, damping=0.25)
    near(walked(tx, 2)[0], X * (1 - 0.5 * C / (C + 0.25)) ** 2)


def test_ef_signsgd_adds_what_it_leaves_out_to_the_next_step():
    x, e = dict(START), jax.tree.map(np.zeros_like, START)
    for _ in range(3):
        for name, c in CURVATURE.items():
            u = 0.1 * c * x[name] + e[name]
            d = np.abs(u).mean() * np.sign(u)
            x[name], e[name] = x[name] - d, u - d
    near(walked(padl.optimizer("ef_signsgd", learning_rate=0.1), 3)[0], flat(x))


@pytest.mark.parametrize(("convention", "first"), [("paper", 0.25), ("torch", 1.0)])
def test_dampened_momentum_takes_a_share_of_the_first_gradient_or_all_of_it(convention, first):
    x, v = X, 0.0
    for share in (first, 0.25, 0.25):
        v = 0.5 * v + share * C * x
        x = x - 0.1 * v
    tx = padl.optimizer("dampened_momentum", learning_rate=0.1, momentum=0.5, dampening=0.75, convention=convention)
    near(walked(tx, 3)[0], x)


def test_a_mixture_goes_a_share_of_the_step_of_each_of_its_two():
    first, second = ({"name": "sgd", "learning_rate": rate} for rate in (0.1, 0.3))
    near(walked(padl.optimizer("mixture", first=first, second=second, share=0.25), 2)[0], X * (1 - 0.25 * C) ** 2)


SGD = {"name": "sgd", "learning_rate": 0.1}


def test_the_box_holds_every_parameter():
    near(walked(padl.optimizer("box", inner=SGD, bound=0.7), 1)[0][[0, 4]], [0.7, 0.7])
    near(walked(padl.optimizer("box", inner=SGD, bound=50.0), 2)[0], X * (1 - 0.1 * C) ** 2)


def test_fan_in_rates_go_down_with_the_inputs_of_a_linear_map_and_leave_biases():
    tx = padl.optimizer("fan_in_rates", inner=SGD, width=1.0)  # two inputs: half the step
    rates = np.array([0.05] * 6 + [0.1] * 3)
    near(walked(tx, 1)[0], X * (1 - rates * C))


def test_rank_one_gives_matrices_of_rank_one_also_in_a_stack_whose_errors_are_not_lost():
    params = {"kernel": jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4))), "bias": jnp.ones(4)}
    roles = {"kernel": usual("matrix", 3), "bias": usual("bias", 1)}
    tx = padl.optimizers.rank_one({"name": "sgd", "learning_rate": 1.0}, roles=roles)
    state, total = tx.init(params), 0.0
    for _ in range(3):
        updates, state = tx.update(params, state, params)
        total -= np.asarray(updates["kernel"])
        assert list(np.linalg.matrix_rank(updates["kernel"], tol=1e-5)) == [1, 1]
    np.testing.assert_allclose(total + state.own.error["kernel"], 3 * params["kernel"], atol=1e-5)  # float32
    np.testing.assert_array_equal(updates["bias"], -params["bias"])


def test_the_signal_of_gradients_that_point_one_way_is_that_of_a_full_memory():
    tx = padl.optimizer("signal", inner={"name": "sgd", "learning_rate": 1e-9}, decay=0.5)
    near(walked(tx, 3, measured=True)[2]["signal"], 1 - 0.5**3)


SMALL = {"steps": 4, "steps_per_call": 2, "log_every": 2, "eval_every": 4, "devices": 1, "clip_norm": 1.0}
SWEPT = {  # of each a number that is swept, and what else it is given
    "adgd": ("learning_rate", {}),
    "averaged_sgd": ("power", {}),
    "extragradient": ("learning_rate", {}),
    "diagonal_newton": ("damping", {}),
    "ef_signsgd": ("learning_rate", {"error_dtype": "bfloat16_stochastic"}),
    "dampened_momentum": ("dampening", {"convention": "torch"}),
    "mixture": ("share", {"first": "lion"}),
    "box": ("wrap.box.bound", {}),
    "fan_in_rates": ("wrap.fan_in_rates.width", {}),
    "rank_one": ("learning_rate", {}),
    "signal": ("wrap.signal.decay", {}),
}


@pytest.mark.parametrize("name", SWEPT)
def test_an_example_is_swept_in_one_program_beside_a_clip(name, tmp_path):
    key, settings = SWEPT[name]
    wraps = registry.optimizer.get(name).stand_ins
    optimizer = {"name": "adam", "wrap": [name]} if wraps else {"name": name, **settings}
    over, run = {f"optimizer.{key}": [0.1, 0.9]}, {"dir": str(tmp_path), "plot": False}
    results = padl.sweep(task="surface", optimizer=optimizer, over=over, run=run, **SMALL)
    (summary,) = tmp_path.rglob("sweep.json")
    assert len(json.loads(summary.read_text())["programs"]) == 1
    assert [row["status"] for row in results.rows] == ["finished", "finished"]
    assert np.isfinite([row["final/loss"] for row in results.rows]).all()


def test_the_table_names_every_example_once_and_rules_that_there_are():
    rows = re.findall(r"^\| (.+) \| \[(\w+\.py)\]\((\w+\.py)\) \| (.*)\|$", text_of("plugins/README.md"), re.MULTILINE)
    assert sorted(file for _, file, link, _ in rows if file == link) == EXAMPLES
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row[3])]
    assert [name for name in named if registry.optimizer.get(name).origin != "padl"] == []


def test_every_example_registers_one_optimizer():
    origins = [registry.optimizer.get(name).origin for name in padl.names("optimizer")]
    assert sorted(origin for origin in origins if origin.startswith("plugins/")) == [f"plugins/{f}" for f in EXAMPLES]
