"""Runs with something around their optimizer: what the engine gives it, what it judges, resumed and in a sweep."""

from types import SimpleNamespace

import numpy as np
import pytest
from asked_to_stop import After

import padl
from padl import registry
from padl.app import train
from padl.app.fingerprint import of_all
from padl.app.resume import resume
from padl.app.run_spec import check
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.wrapping import wrapped
from padl.types import Optimizer, PadlError, ScalarOrSchedule

SMALL = {
    "task": "digits",
    "model": {"name": "mlp", "widths": [4], "activation": "tanh"},  # no kink, on one side of which rounding decides
    "steps": 12,
    "steps_per_call": 3,
    "log_every": 1,
    "eval_every": 6,
    "batch_size": 32,
    "devices": 1,
    "progress": "none",
    "wandb": {"mode": "disabled"},
}


def trained(wrap, **changes):
    optimizer = {"name": "momentum", "learning_rate": 0.05, "wrap": wrap}
    return padl.train(**SMALL, optimizer=optimizer, run={"dir": None, "plot": False}, **changes)


def near(one, other):
    np.testing.assert_allclose(one.history["train/loss"], other.history["train/loss"], rtol=1e-5)  # float32, 12 steps
    for key, value in one.summary["final"].items():
        np.testing.assert_allclose(value, other.summary["final"][key], rtol=1e-4)


@pytest.fixture(scope="module")
def sharp():
    return trained(["sam"], clip_norm=0.5)


def test_the_two_gradients_of_sam_are_clipped_as_the_run_says(sharp):
    near(sharp, trained({"sam": {}, "clip_norm": {"norm": 0.5}}))
    assert abs(sharp.history["train/loss"] - trained(["sam"]).history["train/loss"]).max() > 1e-3


def test_the_two_gradients_of_sam_are_of_the_whole_batch_where_it_is_cut_into_parts(sharp):
    near(sharp, trained(["sam"], clip_norm=0.5, accumulate=2))


def test_the_average_of_the_wrapper_is_that_of_the_run():
    one, other = trained({"ema": {"decay": 0.8}}), trained([], ema=0.8)
    near(one, other)
    assert one.summary["final"] != trained([]).summary["final"]


def test_what_wrappers_measure_is_logged_by_name():
    run = trained(
        {"lookahead": {"k": 4}, "clip_norm": {"norm": 0.5}},
        measure=["lookahead_distance", "clipped", "update_to_weight"],
    )
    distance = run.history["train/lookahead_distance"]
    np.testing.assert_allclose(distance[3::4], 0.0, atol=1e-6)  # where the fast weights come back, but for rounding
    assert (np.delete(distance, [3, 7, 11]) > 0).all()
    assert 0 < run.history["train/clipped"].mean() <= 1


def test_the_schedule_of_a_run_ends_with_the_run_where_updates_are_made_at_each_third_step():
    whole = trained({"accumulate": {"k": 3}}, schedule="linear", measure=["update_rms"])
    moves = whole.history["train/update_rms"]
    assert np.flatnonzero(moves).tolist() == [2, 5, 8, 11]
    constant = trained({"accumulate": {"k": 3}}, schedule="constant", measure=["update_rms"])
    share = moves[2] / constant.history["train/update_rms"][2]
    np.testing.assert_allclose(share, 1 - 2 / 12, rtol=1e-5)  # of the peak, after two steps of twelve


def test_a_member_of_a_sweep_goes_where_it_goes_alone():
    wrap = {"cautious": {}, "snoo": {"k": 2}, "schedule_free": {}, "skip_nonfinite": {}}
    optimizer = {"name": "momentum", "learning_rate": 0.05, "wrap": wrap}
    quiet = {"run": {"dir": None, "plot": False}}
    found = padl.sweep(over={"optimizer.wrap.snoo.momentum": [0.2, 0.8]}, **SMALL, optimizer=optimizer, **quiet)
    for row in found.rows:
        momentum = row["optimizer.wrap.snoo.momentum"]
        alone = trained({**wrap, "snoo": {"k": 2, "momentum": momentum}})
        for key, value in alone.summary["final"].items():
            np.testing.assert_allclose(row[f"final/{key}"], value, rtol=1e-4)  # batched rounding


CARRYING = (  # every wrapper that has a state, and those that ask for more, in two runs
    {
        "cautious": {},
        "update_floor": {},
        "weight_decay": {"decay_kind": "corrected"},
        "ema_nesterov": {"stop": 9},
        "tail_ema": {"start": 4},
        "lookahead": {"k": 4},
        "ema": {},
        "hyperball": {},
        "radial_brake": {},
        "asam": {},
        "adagc": {"warmup_steps": 3},
        "grokfast": {},
        "agc": {},
        "skip_nonfinite": {},
    },
    {"snoo": {"k": 3}, "schedule_free": {}, "clip_value": {}, "gradient_centralisation": {}, "accumulate": {"k": 2}},
)


@pytest.mark.parametrize("wrap", CARRYING, ids=["many", "accumulated"])
def test_a_run_that_is_stopped_goes_on_to_the_bits_of_one_that_never_was(tmp_path, wrap):
    optimizer = {"name": "adam", "learning_rate": 0.01, "wrap": wrap}
    usual = {**SMALL, "optimizer": optimizer, "accumulate": 2, "clip_norm": 1.0, "ema": 0.9, "schedule": "cosine"}
    config = lambda name: {**usual, "run": {"dir": str(tmp_path / name), "plot": False}}  # noqa: E731
    whole = train.run(config("whole"), ["padl", "train"], After(10**9))
    stopped = train.run(config("stopped"), ["padl", "train"], After(3))
    assert stopped.status == "interrupted"
    resume(stopped.folder)
    for file in ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack"):
        assert (stopped.folder / file).read_bytes() == (whole.folder / file).read_bytes()
    assert np.isfinite(whole.history["train/loss"]).all()


def test_what_moves_the_norm_is_refused_around_what_holds_it():
    with pytest.raises(PadlError, match="weight_decay is around hyperball, and moves parameters off the norm"):
        trained(["hyperball", "weight_decay"])
    with pytest.raises(PadlError, match="ema is around hyperball"):
        trained(["clip_norm", "hyperball", "radial_brake", "ema"])
    within = {"name": "hyperball", "inner": "adam"}
    with pytest.raises(PadlError, match="lookahead is around hyperball"):
        padl.train(**SMALL, optimizer={"name": "lookahead", "inner": within})
    with pytest.raises(PadlError, match="cautious is around hyperball"):
        padl.train(**SMALL, optimizer={"name": "adam", "groups": {"matrix": within}, "wrap": ["cautious"]})


@pytest.fixture
def strange(monkeypatch):
    """A wrapper and two rules of a plugin, each with a mistake."""
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))
    with registry.origin("a_plugin"):

        @registry.optimizer(family="wrapper")
        def forgetful(inner: Optimizer):
            def update(grads, state, params=None, **extras):
                return inner.update(extras["grad_fn"](params), state, params)

            return wrapped(inner, inner.init, update)

        @registry.optimizer()
        def judges_twice(learning_rate: ScalarOrSchedule = 0.1):
            rule = leafwise(lambda p: (), lambda g, s, p, t: (g, s))
            return descend(rule, learning_rate, readout=lambda state, params: (params, params))

        @registry.optimizer()
        def measures_all(learning_rate: ScalarOrSchedule = 0.1):
            rule = leafwise(lambda p: (), lambda g, s, p, t: (g, s))
            return descend(rule, learning_rate, measure=lambda state, updates, params: {"all": updates})


@pytest.mark.usefixtures("strange")
@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (
            {"name": "sgd", "wrap": ["forgetful"]},
            "in update: KeyError: 'grad_fn' .*optimizer 'forgetful' from a_plugin",
        ),
        ("judges_twice", "the optimizer judges .* for parameters .*: they must be alike"),
        ("measures_all", "measure=all: what the optimizer measures is not one number"),
    ],
)
def test_a_mistake_of_a_plugin_is_one_line_also_of_a_wrapper(optimizer, message):
    measure = ["all"] if optimizer == "measures_all" else []
    with pytest.raises(PadlError, match=message):
        padl.train(**SMALL, optimizer=optimizer, measure=measure, run={"dir": None, "plot": False})


def test_what_the_numbers_of_a_run_depend_on_names_the_plugins_around_and_within_its_optimizer():
    optimizer = {"name": "mixture", "wrap": ["box"], "groups": {"bias": {"name": "adgd"}}}
    spec = check({**SMALL, "optimizer": optimizer, "run": {"dir": None}})
    plugins = of_all([spec], SimpleNamespace(device_kind="cpu", platform="cpu"), 1)["plugins"]
    assert set(plugins) == {"optimizer mixture", "optimizer box", "optimizer adgd"}
    assert "no source" not in plugins.values()
