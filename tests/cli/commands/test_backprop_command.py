"""`padl backprop`: formulas as circuits, models layer by layer, and one line for what is wrong."""

import csv
import re

import jax
import numpy as np
import pytest

import padl
from padl.app.step_graph import at_step
from padl.backprop import formula
from padl.cli.commands.backprop import read

SIGMOID = "1 / (1 + exp(-(w1*x1 + w2*x2 + b)))"
AT = {"w1": 2, "x1": -1, "w2": -3, "x2": -2, "b": -3}
SMALL = ("task=digits", "model.widths=[8]", "batch_size=16")


def test_the_lectures_first_circuit():
    graph = formula("(x + y) * z", x=-2, y=5, z=-4)
    assert {name: float(graph[name].adjoint) for name in "xyz"} == {"x": -4.0, "y": -4.0, "z": 3.0}
    assert float(graph["(x + y) * z"].value) == -12
    assert float(graph["x + y"].adjoint) == -4


def test_the_lectures_second_circuit():
    graph = formula(SIGMOID, **AT)
    found = {name: round(float(graph[name].adjoint), 4) for name in AT}
    assert found == {"w1": -0.1966, "x1": 0.3932, "w2": -0.3932, "x2": -0.5898, "b": 0.1966}
    assert graph[SIGMOID].rule == "-1 / x^2"
    assert float(graph["1 + exp(-(w1*x1 + w2*x2 + b))"].adjoint) == pytest.approx(-0.5344, abs=1e-4)


def test_inner_gradients_are_those_of_differences():
    """Each node is moved by itself, and what comes after it computed anew, in float64."""
    graph, h = formula(SIGMOID, **AT), 1e-6
    compute = {
        "mul": np.multiply, "add": np.add, "neg": np.negative, "exp": np.exp, "div": np.divide,
    }  # fmt: skip

    def result(moved, by):
        values = []
        for node in graph:
            value = (
                float(node.value) if not node.parents else compute[node.operation](*(values[p] for p in node.parents))
            )
            values.append(value + by * (node.number == moved))
        return values[graph.outputs[0]]

    for node in graph:
        if node.adjoint is not None:
            slope = (result(node.number, h) - result(node.number, -h)) / (2 * h)
            assert float(node.adjoint) == pytest.approx(slope, abs=1e-8)


def test_the_command_prints_the_circuit_and_writes_its_pictures(padl_command, tmp_path):
    code, out, err = padl_command("backprop", "(x + y) * z", "x=-2", "y=5", "z=-4", "--steps", f"--out={tmp_path}/a")
    assert (code, err) == (0, "")
    for number in ("-12", "-4", "3", "∂a: b, ∂b: a"):
        assert number in out
    files = {f.name for f in (tmp_path / "a").iterdir()}
    assert files == {"circuit.png", "circuit.svg", "circuit.dot", "steps.gif", "steps.html"}


def test_without_a_folder_a_new_one_is_made_in_runs(padl_command, tmp_path):
    code, out, _ = padl_command("backprop", "x * x", "x=3")
    (folder,) = (tmp_path / "runs").iterdir()
    assert code == 0
    assert str(folder / "circuit.svg") in out


def test_a_formula_that_is_too_large_to_draw_is_listed_and_leaves_no_folder(padl_command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    formula = "+".join(["x"] * 151)
    code, out, _ = padl_command("backprop", formula, "x=1")
    assert code == 0
    assert "151 nodes: listed, not drawn (up to 150 are)" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = padl_command("backprop", formula, "x=1", "--steps")
    assert (code, out) == (2, "")
    assert "--steps shows up to 150 nodes, this has 151: a shorter formula" in err


@pytest.mark.parametrize("words", [["-x*y"], ["--steps", "-(x + y)"], ["-x * y", "--steps"]], ids=" ".join)
def test_a_formula_may_begin_with_a_minus(words):
    request = read([*words, "x=-2", "y=3"])
    assert (request.formula, request.settings) == (next(w for w in words if w != "--steps"), ["x=-2", "y=3"])
    assert request.steps == ("--steps" in words)


def test_a_model_is_summarised_layer_by_layer(padl_command, tmp_path):
    code, out, err = padl_command("backprop", *SMALL, "--out", str(tmp_path / "m"))
    assert (code, err) == (0, "")
    assert "digits mlp adam, widths=[8], batch_size=16, seed 0: the gradient of step 1, 16 rows" in out
    assert all(word in out for word in ("blocks.0.linear", "head", "loss", "520"))
    rows = list(csv.DictReader((tmp_path / "m" / "layers.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["name"] for row in rows] == ["", "blocks.0.linear", "head", "loss"]
    assert (tmp_path / "m" / "depth.png").stat().st_size > 10_000
    assert len((tmp_path / "m" / "nodes.csv").read_text(encoding="utf-8").splitlines()) > 30


def test_the_graph_of_a_step_has_the_gradient_that_the_step_took():
    config = {"task": "digits", "model": {"name": "mlp", "widths": [8]}, "batch_size": 16, "run": {"dir": None}}
    config |= {
        "wandb": {"mode": "disabled"},
        "compilation_cache": "off",
        "optimizer": {"name": "sgd", "learning_rate": 1.0},
    }
    graph = at_step({**config, "steps": 2}).graph
    record = {steps: padl.train(**{**config, "steps": steps}).params for steps in (2, 3)}
    step = jax.tree.map(lambda before, after: before - after, record[2], record[3])
    for name, gradient in graph.gradients[0].items():
        np.testing.assert_allclose(gradient, step[name], atol=1e-5)


def test_a_batch_in_parts_is_looked_at_whole():
    config = {"task": "digits", "model": {"name": "mlp", "widths": [8]}, "batch_size": 16, "run": {"dir": None}}
    whole, parts = (at_step({**config, "accumulate": n}).graph for n in (1, 2))
    for a, b in zip(jax.tree.leaves(whole.gradients), jax.tree.leaves(parts.gradients), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_training_that_diverges_is_looked_at_where_it_does(padl_command, tmp_path):
    gd = ("optimizer=gd", "optimizer.learning_rate=1e4", "batch_size=all", "steps=40", "model.activation=identity")
    words = [word for word in SMALL if not word.startswith("batch_size")]
    code, out, _ = padl_command("backprop", *words, *gd, "--out", str(tmp_path / "m"))
    assert code == 0
    step = int(re.search(r"the training diverges at step (\d+); this is that step", out).group(1))
    assert f"the gradient of step {step}, " in out
    assert re.search(r"first (NaN|infinity), in the (forward|backward) pass: .* of node \d+, \w+ \(layer ", out)


def test_a_run_is_looked_at_with_its_best_parameters(padl_command, small_run, tmp_path):
    code, out, err = padl_command("backprop", str(small_run.folder), "--out", str(tmp_path / "m"))
    assert (code, err) == (0, "")
    assert "the gradient of the best parameters, 64 rows" in out
    (head,) = (
        r for r in csv.DictReader((tmp_path / "m" / "layers.csv").read_text().splitlines()) if r["name"] == "head"
    )
    weights = [np.ravel(small_run.best_params[f"head.{name}"]) for name in ("kernel", "bias")]
    assert float(head["weights"]) == pytest.approx(np.linalg.norm(np.concatenate(weights)), rel=1e-6)
    code, _, err = padl_command("backprop", str(small_run.folder), "x=1")
    assert (code, err.count("\n")) == (2, 1)
    assert "leave the other words out" in err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["(x + * y)", "x=1", "y=2"], "column 6: expected a number, a name or '(', found '*':  (x + ▸* y)"),
        (["x * y", "x=1"], "no value for y in 'x * y': add y=1"),
        (["x * y", "x=1", "y=2", "z=3"], "'x * y' has no variable 'z'"),
        (["exq(x)", "x=1"], "no function 'exq'; did you mean 'exp'?"),
        (["x", "x=two"], "x=two: 'two' is no number, give one as x=-2.5"),
        (["x", "x=nan"], "x=nan: give a finite number"),
        (["x * x", "x=1", "x=2"], "x is given twice, 1 and 2: leave one out"),
        (["x", "y", "x=1"], "padl backprop takes one formula, 2 are given: put it in quotes"),
        (["x", "x=1", "--step"], "padl backprop has no option '--step'; did you mean '--steps'?"),
        (["x", "x=1", "--out"], "--out takes one folder"),
        ([], "padl backprop takes a formula and its values, or the words of padl train"),
        (["x", "x=1", "--out", "/proc/nowhere"], "--out /proc/nowhere cannot be written"),
        (["task=surface"], "task 'surface' has no model to look into: try task=digits"),
        (["model=mpl"], "no model 'mpl'; did you mean 'mlp'?"),
        (["model.width=[8]"], "no key 'model.width'; did you mean 'widths'?"),
        (["-m", "model=mlp,linear"], "padl backprop looks at one model: leave -m out"),
    ],
)
def test_a_mistake_is_one_line(padl_command, words, line):
    code, out, err = padl_command("backprop", *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert line in err
