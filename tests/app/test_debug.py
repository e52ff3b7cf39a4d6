"""debug=NAME finds what it is for: what breaks late, what cannot be learnt, where a NaN begins, where time goes."""

import gzip
import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import padl
from padl.app.conf import overrides
from padl.app.debug import overfit, with_debug
from padl.app.debug.profile import FOLDER
from padl.app.run_spec import check
from padl.runs import run_folder
from padl.types import PadlError

RNG = np.random.default_rng(0)
X = RNG.standard_normal((64, 4)).astype(np.float32)
Y = X.sum(1)
QUIET = {"run": {"dir": None}, "devices": 1, "model": {"name": "mlp", "widths": [4]}}
SGD = {"name": "sgd", "learning_rate": 0.05}


def found(mode, **settings):
    result = padl.train(**{**QUIET, "debug": mode, **settings})
    return result, result.summary.get("debug", {}).get(mode, "")


@pytest.fixture
def anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_given_wins_over_what_debug_sets():
    config = with_debug({"debug": "fast", "log_every": 3, "run": {"keep": 5}})
    assert (config["log_every"], config["eval_every"], config["steps"]) == (3, 2, 6)
    assert config["run"] == {"keep": 5, "dir": "runs/debug", "save": True, "plot": True, "save_every": 2}
    assert "steps" not in with_debug({"debug": "fast", "epochs": 1})
    assert with_debug({"steps": 5}) == {"steps": 5}


@pytest.mark.parametrize("mode", ["fast", "overfit", "nan", "profile"])
def test_each_file_sets_its_own_name_and_passes_the_check(mode):
    assert overrides("debug", mode)["debug"] == mode
    assert check(with_debug({"debug": mode, "wandb": {"mode": "disabled"}})).settings.debug == mode


def test_fast_does_everything_that_a_run_does(anywhere):
    result = padl.train(debug="fast", devices=1, model=QUIET["model"])
    assert result.summary["steps"] == 6
    assert [row["step"] for row in run_folder.read_metrics(result.folder) if "eval/loss" in row] == [2, 4, 6]
    assert result.folder.parent == anywhere / "runs" / "debug"
    names = {file.name for file in result.folder.iterdir()}
    assert {"curves.png", "checkpoint", "snapshots", "summary.json", "status.json"} <= names
    assert "wandb" not in names


@pytest.mark.parametrize("word", ["debug=fast", "+debug=fast", "debug=nan", "+debug=nan"])
def test_the_command_line_takes_it_with_and_without_a_plus(padl_command, anywhere, word):
    quiet = ("run.plot=false", "run.save=false", "progress=none", "model.widths=[4]", "devices=1", "steps=4")
    code, out, _ = padl_command("train", word, *quiet, "eval_every=2")
    assert code == 0
    assert "runs/debug" in out


def test_an_unknown_name_is_a_line_with_the_nearest(padl_command):
    code, _, err = padl_command("train", "debug=ovrfit")
    assert code == 2
    assert err == "padl: no debug 'ovrfit'; did you mean 'overfit'? (there are: fast, nan, overfit, profile)\n"
    with pytest.raises(PadlError, match="debug"):
        padl.train(debug="ovrfit")


def test_overfit_learns_one_batch_by_heart_and_says_so():
    wide = {"name": "mlp", "widths": [32]}
    result, verdict = found("overfit", model=wide, optimizer={"name": "adam", "learning_rate": 0.01})
    assert verdict.startswith("learnt: the loss of 32 rows went from ")
    assert result.summary["rows"] == {"train": 32, "held_out": 32}
    assert result.summary["best"]["loss"] <= 0.01
    assert "stop.target=0.01" in result.summary["reason"]


def test_overfit_says_that_nothing_was_learnt_and_what_to_try():
    _, verdict = found("overfit", optimizer={"name": "sgd", "learning_rate": 1e-9}, steps=20, batch_size=8)
    assert verdict.startswith("not learnt: the loss of 8 rows went from 2.")
    assert "stop.target" in verdict


def test_overfit_trains_on_rows_from_all_over_with_nothing_that_regularises():
    config = {"debug": "overfit", "model": {"name": "mlp", "dropout": 0.2}, "optimizer": "adamw", "batch_size": 7}
    config |= {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}, "wandb": {"mode": "disabled"}}
    spec, plain = check(config), check({**config, "debug": None})
    off = spec.hparams["model"]["dropout"], spec.hparams["optimizer"]["weight_decay"]
    assert (*off, spec.hparams["loss"]["label_smoothing"]) == (0.0, 0.0, 0.0)
    assert spec.config["model"]["dropout"] == 0.0
    assert (spec.batch_size, len(spec.split.train)) == (7, 7)
    np.testing.assert_array_equal(spec.split.held_out, spec.split.train)
    assert spec.split.train[[0, -1]].tolist() == plain.split.train[[0, -1]].tolist()
    changes = "model.dropout 0.2 -> 0, loss.label_smoothing 0.1 -> 0, optimizer.weight_decay 0.01 -> 0"
    assert spec.said == (f"debug=overfit: 7 training rows, held out are the same; turned off: {changes}",)


def test_every_word_for_what_regularises_says_how_it_is_turned_off():
    from padl.app import names
    from padl.types import KINDS

    words = {"weight_decay", "dropout", "label_smoothing"}
    for kind in KINDS:
        for entry in names.of(kind):
            for name, hyperparameter in entry.hyperparameters.items():
                assert (hyperparameter.domain.off == 0.0) == (name in words), f"{kind} {entry.name}.{name}"


def test_overfit_needs_rows():
    with pytest.raises(PadlError, match="has none"):
        padl.train(task="surface", debug="overfit", optimizer="gd", run={"dir": None})


def test_a_loss_without_a_target_is_told_without_a_verdict():
    rows = [{"step": 1, "train/loss": 2.0}, {"step": 9, "train/loss": 1.0, "eval/loss": 0.5}]
    assert overfit.verdict(rows, 32, None) == "the loss of 32 rows went from 2 to 0.5 in 9 steps"


def in_python(**settings):
    return found("nan", **{"task": (X, Y), "model": "linear", "steps": 20, "batch_size": 16, **settings})


def test_nan_names_the_step_and_layer_of_an_overflow_in_the_forward_pass():
    result, answer = found("nan", optimizer={"name": "sgd", "learning_rate": 1e30}, steps=20, eval_every=20)
    assert (result.status, answer[:7]) == ("diverged", "step 2:")
    assert "in the forward pass: the value of node" in answer
    assert "dot_general (layer blocks" in answer or "dot_general (layer head" in answer


def test_nan_finds_the_operation_that_sends_back_a_gradient_that_is_not_finite():
    class Root(nnx.Module):
        def __init__(self, shape, outputs, *, rngs):
            self.first = nnx.Linear(shape[0], 3, rngs=rngs)
            self.head = nnx.Linear(3, outputs, rngs=rngs)

        def __call__(self, x):
            h = self.first(x)
            return self.head(jnp.sqrt(jnp.square(h - jax.lax.stop_gradient(h))))  # sqrt at 0

    result, answer = in_python(model=Root, optimizer=SGD)
    assert result.status == "diverged"
    assert answer.startswith("step 1: first infinity, in the backward pass: the gradient it sends of node")
    assert "test_debug.py" in answer


def test_nan_names_array_operation_and_line_of_an_update_that_overflows():
    def huge(predictions, targets):
        return 1e25 * (predictions - targets) ** 2

    result, answer = in_python(loss=huge, optimizer="adam")
    assert result.status == "finished"  # the rule moves those numbers no more, which nothing else shows
    assert answer.startswith("step 1: loss and gradient are finite; the update makes the first infinity, in opt_state.")
    assert "nu.head" in answer
    assert "the operation is integer_pow at moments.py:" in answer


def test_nan_after_many_calls_is_found_at_its_step_whatever_the_calls():
    def burst(learning_rate=1.0):
        def update(grads, count, params=None, **_):
            scale = jnp.where(count == 16, jnp.log(-1.0), 1.0)  # at step 17
            return jax.tree.map(lambda g: -0.01 * scale * g, grads), count + 1

        return optax.GradientTransformationExtraArgs(lambda params: jnp.zeros((), jnp.int32), update)

    answers = {in_python(optimizer=burst, steps_per_call=n, eval_every=7, steps=30)[1] for n in (1, 5, 30)}
    (answer,) = answers
    assert answer.startswith("step 17: loss and gradient are finite; the update makes the first NaN, in params.head.")


def test_nan_tells_an_evaluation_from_the_training():
    class Held(nnx.Module):
        def __init__(self, shape, outputs, *, rngs):
            self.head = nnx.Linear(shape[0], outputs, rngs=rngs)

        def __call__(self, x):
            return self.head(x) * jnp.where(x.shape[0] == 16, 1.0, jnp.log(-1.0))  # a batch, or all held-out rows

    result, answer = in_python(model=Held, optimizer=SGD, eval_every=4)
    assert result.summary["reason"] == "loss nan on the held-out rows after step 4"
    assert answer.startswith("step 4: the parameters after it are finite, and the loss on the held-out rows is not")


def test_nan_says_that_there_is_none_and_leaves_the_bits_of_the_run():
    result, answer = in_python(optimizer=SGD)
    assert answer == "no NaN and no infinity in 20 steps: losses, parameters, the optimizer's state"
    plain = padl.train(task=(X, Y), model="linear", optimizer=SGD, steps=20, batch_size=16, devices=1)
    for name, array in plain.params.items():
        np.testing.assert_array_equal(result.params[name], array)


def test_profile_writes_a_trace_with_the_steps_and_their_operations(anywhere):
    result, answer = found("profile", run={"plot": False}, steps_per_call=5, steps=10, eval_every=5)
    (file,) = (result.folder / FOLDER).rglob("perfetto_trace.json.gz")
    assert answer.startswith(f"{file} (steps 16 to 20, ")
    assert file.stat().st_size < 2**20
    events = [e for e in json.loads(gzip.decompress(file.read_bytes()))["traceEvents"] if e.get("ph") == "X"]
    (mark,) = [e for e in events if e["name"] == "steps 16 to 20, then evaluate"]
    inside = [e for e in events if mark["ts"] <= e["ts"] and e["ts"] + e["dur"] <= mark["ts"] + mark["dur"]]
    calls = {e["name"] for e in inside if e["name"].startswith("PjitFunction")}
    assert {"PjitFunction(steps)", "PjitFunction(evaluate)"} <= calls
    assert not any("ompile" in e["name"] for e in inside)
    products = [e for e in inside if e["name"].startswith(("dot", "ynn", "wrapped", "multiply", "fusion"))]
    assert len(products) >= 5


def test_profile_needs_a_folder():
    with pytest.raises(PadlError, match=r"give run\.dir"):
        found("profile")


@pytest.mark.parametrize("mode", ["nan", "profile"])
def test_in_a_sweep_what_looks_into_one_run_is_refused(mode):
    with pytest.raises(PadlError, match=f"debug={mode} looks into a single run"):
        padl.sweep(over={"seed": [0, 1]}, debug=mode)


def test_a_sweep_of_overfit_judges_each_member(anywhere):
    rates, wide = [1e-9, 0.01], {"name": "mlp", "widths": [32]}
    swept = padl.sweep(over={"learning_rate": rates}, debug="overfit", model=wide, devices=1, steps=200)
    summaries = [run_folder.read_json(swept.folder / row["folder"] / "summary.json") for row in swept.rows]
    assert [each["debug"]["overfit"].split(":")[0] for each in summaries] == ["not learnt", "learnt"]


def test_a_sweep_from_python_takes_the_lengths_of_members_and_no_list_of_modes():
    assert [row["step"] for row in padl.sweep(**QUIET, debug="fast", over={"steps": [4, 2]}).rows] == [4, 2]
    with pytest.raises(PadlError, match="over: debug sets what is one for the whole sweep"):
        padl.sweep(**QUIET, over={"debug": ["fast", "overfit"]})


@pytest.mark.parametrize("words", [(), ("optimizer.learning_rate=0.01",)])
def test_rerun_repeats_it_without_wandb_and_with_other_values(padl_command, anywhere, words):
    first = padl.train(**{**QUIET, "debug": "overfit", "steps": 20, "run": {"plot": False}})
    code, _, err = padl_command("rerun", str(first.folder), *words, "progress=none", "devices=1")
    assert code == 0, err
    assert "left out" not in err
    (again,) = [each for each in first.folder.parent.iterdir() if each != first.folder]
    assert run_folder.read_config(again)["wandb"]["mode"] == "disabled"
    assert run_folder.read_config(again)["batch_size"] is None


def test_backprop_refuses_it(padl_command):
    code, _, err = padl_command("backprop", "task=digits", "debug=nan")
    assert code == 2
    assert "debug=nan is for padl train" in err
