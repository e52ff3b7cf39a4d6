"""Call each public name of PADL once; printed is what was called. With the word `late`, JAX was used before it."""

import sys
import warnings

import numpy as np
import pytest

import padl

RUN = {"steps": 3, "model": {"name": "mlp", "widths": [4]}}


def sweep() -> None:
    results = padl.sweep(over={"learning_rate": [1e-3, 1e-2]}, **RUN)
    assert [row["status"] for row in results.rows] == ["finished"] * 2


def runs() -> None:
    result = padl.train(**RUN, run={"dir": "runs"})
    assert result.status == "finished"
    assert padl.load(result.folder)(padl.task("digits").rows["inputs"][:5]).shape == (5, 10)
    repeated = padl.evaluate(result.folder)
    assert np.isclose(repeated["accuracy"], result.summary["final"]["accuracy"])


def predictions() -> None:
    result = padl.train(**RUN, run={"dir": "runs"})
    inputs = padl.task("digits").rows["inputs"][:5]
    predicted = padl.predict(result.folder, inputs).predicted("class")
    outputs = padl.load(result.folder)(inputs)
    assert [int(name) for name in predicted] == np.argmax(outputs, 1).tolist()
    assert padl.export(result.folder, to="jax").stat().st_size


def resume() -> None:
    result = padl.train(**RUN, run={"dir": "runs"})
    assert padl.resume(result.folder, {"steps": 5}).summary["steps"] == 5


def many_runs() -> None:
    result = padl.train(**RUN, run={"dir": "listed"})
    assert {row["status"] for row in padl.list_runs("listed").rows} == {"finished"}
    assert padl.plot(result, "listed", metric="eval/loss").axes


def trajectories() -> None:
    seen = padl.trajectories("rosenbrock", optimizers=["gd", "adam"], steps=3)
    assert seen.paths["adam"].points.shape[2:] == (4, 2)


def backpropagation() -> None:
    graph = padl.backprop.trace(lambda w: ((w - 1.0) ** 2).sum(), np.arange(3.0, dtype=np.float32))
    np.testing.assert_allclose(graph.gradients[0], [-2.0, 0.0, 2.0])
    assert padl.backprop.first_nonfinite(graph) is None
    assert padl.backprop.formula("x * y", x=2.0, y=3.0).gradients


def closed_forms() -> None:
    rows, targets = [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0]
    np.testing.assert_allclose(padl.least_squares(rows, targets).theta, [1.0, 2.0], rtol=1e-6)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # says always what it loses
        np.testing.assert_allclose(padl.normal_equation(rows, targets).theta, [1.0, 2.0], rtol=1e-6)


def names() -> None:
    for kind in ("optimizer", "loss", "model", "task", "schedule"):
        assert padl.names(kind)
        assert callable(getattr(padl, kind))
    ones = np.ones(2, np.float32)
    tx = padl.optimizer("adam", learning_rate=0.1)
    assert tx.update(ones, tx.init(ones), ones)[0].shape == (2,)
    assert padl.optimizers.sgd(0.1).init(ones) is not None
    assert float(padl.loss("mse")(ones, 0 * ones)) == float(padl.losses.mse(ones, 0 * ones)) == 1.0
    assert float(padl.schedule("constant")(0.5)) == 1.0
    assert padl.model("linear") is not None
    assert padl.models.linear
    assert padl.schedules.constant
    assert padl.tasks.digits
    with pytest.raises(padl.PadlError, match="adam"):
        padl.optimizer("adm")


def checks() -> None:
    assert [outcome.status for outcome in padl.check("sgd", only=["state_form", "downhill"])] == ["pass", "pass"]


CALLS = {
    sweep: "sweep",
    runs: "train load evaluate task",
    predictions: "predict export",
    resume: "resume",
    many_runs: "list_runs plot",
    trajectories: "trajectories",
    checks: "check",
    backpropagation: "backprop",
    closed_forms: "least_squares normal_equation",
    names: "PadlError loss losses model models names optimizer optimizers schedule schedules tasks",
}

if __name__ == "__main__":
    if "late" in sys.argv:
        import jax

        jax.numpy.ones(3).block_until_ready()
    for call, public in CALLS.items():
        call()
        print(public)
    sweep()  # as in a notebook, once more
    assert "hydra" not in sys.modules
