"""State on request: a run that goes on from a snapshot comes to the bits of one that was never stopped."""

import pickle
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl.data.source import Data
from padl.data.split import Holdout
from padl.engine import lanes, loop, sweep
from padl.engine.experiment import Experiment
from padl.engine.lanes import Lanes, Members, Structure
from padl.registry import StaticPartial
from padl.tasks.classification import classification
from padl.tasks.loss_inputs import Words
from padl.tasks.task import ObjectiveConfig

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((24, 3)).astype(np.float32)
TASK = classification(INPUTS, (INPUTS.sum(1) > 0).astype(np.int32), 2, holdout=Holdout(1 / 3), where="points")
MODEL = StaticPartial(padl.models.mlp, (("widths", (4,)), ("norm", "batch")))
KEY = jax.random.key(3)
STEPS, SAVE, EVALUATE = 5, 3, 2  # the snapshot falls between two evaluations, and inside an epoch


def entry(name):
    from padl.app import names

    return names.find("optimizer", name)


def experiment(optimizer, accumulate=2):
    choice, _ = entry(optimizer).split({})
    loss = StaticPartial(padl.losses.cross_entropy)
    objective = TASK.objective(ObjectiveConfig(MODEL, loss, Words("labels")))
    return Experiment(objective, choice, padl.schedules.warmup_cosine, 8, accumulate)


def hparams(optimizer, learning_rate=None):
    _, scalars = entry(optimizer).split({})
    scalars = scalars | ({"learning_rate": learning_rate} if learning_rate and "learning_rate" in scalars else {})
    run = {"steps": STEPS, "ema": 0.9, "clip_norm": 1.0}
    numbers = {"schedule": {"warmup": 0.1, "final": 0.0}, "model": {"dropout": 0.2}, "loss": {}, "task": {}}
    return jax.tree.map(np.float32, {"optimizer": scalars, "run": run, **numbers})


def run(optimizer, **options):
    data = jax.device_put(Data(TASK.rows, TASK.split(0, {})))
    about = {"steps": STEPS, "steps_per_call": 1, "eval_every": EVALUATE, "criterion": TASK.criterion}
    return list(loop.run(experiment(optimizer), KEY, hparams(optimizer), data, **about, **options))


def snapshot_of(chunks):
    return next(chunk.snapshot for chunk in chunks if chunk.snapshot is not None)


def numbers(tree):
    """The arrays of a tree, keys as the numbers they hold."""
    is_key = lambda x: jnp.issubdtype(x.dtype, jax.dtypes.prng_key)  # noqa: E731
    return [np.asarray(jax.random.key_data(x) if is_key(x) else x) for x in jax.tree.leaves(tree)]


def assert_same_end(ours, theirs):
    for a, b in zip(numbers((ours.state, ours.best)), numbers((theirs.state, theirs.best)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert ours.evaluation == theirs.evaluation


def losses(chunks):
    return np.concatenate([chunk.train["loss"] for chunk in chunks])


def test_a_run_that_goes_on_from_a_snapshot_has_the_bits_of_one_that_never_stopped():
    whole = run("adam")
    saved = run("adam", save_every=SAVE)
    assert_same_end(saved[-1], whole[-1])  # asking for the state changes nothing
    resumed = run("adam", start=snapshot_of(saved))
    assert_same_end(resumed[-1], whole[-1])
    np.testing.assert_array_equal(losses(resumed), losses(whole)[SAVE:])


SURFACE = padl.task("surface")


def descend(optimizer, **options):
    """A run without rows and model, whose programs are small: what is left is the optimizer's state."""
    choice, _ = entry(optimizer).split({})
    small = Experiment(SURFACE.objective(None), choice, padl.schedules.linear, None)
    hp = hparams(optimizer, 1e-3) | {
        "schedule": {"final": np.float32(0)},
        "model": {},
        "task": {},
        "run": {"steps": np.float32(STEPS)},
    }
    about = {"steps": STEPS, "steps_per_call": 1, "eval_every": EVALUATE, "criterion": SURFACE.criterion}
    data = jax.device_put(Data(SURFACE.rows, SURFACE.split(0, {})))
    return list(loop.run(small, KEY, hp, data, **about, **options))


@pytest.mark.parametrize("optimizer", [name for name in padl.names("optimizer") if not entry(name).stand_ins])
def test_every_optimizer_goes_on_from_a_snapshot_to_the_same_bits(optimizer):
    whole = descend(optimizer, save_every=SAVE)
    assert_same_end(descend(optimizer, start=snapshot_of(whole))[-1], whole[-1])


def test_a_snapshot_stays_whole_while_the_run_goes_on_and_can_be_used_twice():
    snapshot = snapshot_of(run("adam", save_every=SAVE))
    first, second = run("adam", start=snapshot), run("adam", start=snapshot)
    assert_same_end(first[-1], second[-1])
    assert int(snapshot.state.step) == SAVE


def test_a_snapshot_is_handed_out_where_it_is_due_and_after_the_last_step():
    chunks = run("sgd", save_every=SAVE)
    assert [chunk.step for chunk in chunks if chunk.snapshot is not None] == [SAVE, STEPS]
    assert all(chunk.snapshot is None for chunk in run("sgd"))


RESUME = """
import pickle, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
import jax
import test_snapshot as tests
from padl.engine import loop

state, best = pickle.loads(Path({file!r}).read_bytes())
state = state._replace(key=jax.random.wrap_key_data(state.key))
resumed = tests.run("adam", start=loop.Snapshot(state, best))
Path({file!r}).write_bytes(pickle.dumps(tests.numbers((resumed[-1].state, resumed[-1].best))))
"""


def test_another_process_goes_on_to_the_same_bits(tmp_path):
    state, best = snapshot_of(run("adam", save_every=SAVE))
    host = jax.tree.map(np.asarray, (state._replace(key=jax.random.key_data(state.key)), best))
    file = tmp_path / "snapshot"
    file.write_bytes(pickle.dumps(host))
    script = RESUME.format(folder=str(Path(__file__).parent), file=str(file))
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    whole = run("adam")[-1]
    for ours, theirs in zip(pickle.loads(file.read_bytes()), numbers((whole.state, whole.best)), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def members(rates):
    keys = np.stack([np.array([0, seed], np.uint32) for seed in range(len(rates))])
    splits = lanes.stack([TASK.split(seed, {}) for seed in range(len(rates))])
    return Members(keys, lanes.stack([hparams("adam", rate) for rate in rates]), Data(dict(TASK.rows), splits))


def train_members(strategy, **options):
    structure = Structure(experiment("adam", accumulate=1), STEPS, 2, EVALUATE, TASK.criterion)
    count = 1 if strategy == "alone" else 2
    layout = Lanes(strategy, count, tuple(jax.devices()[:1]))
    return list(sweep.run(structure, members((0.01, 0.02, 1e30)), layout, **options))


def ends(progress):
    chunks = [pair for seen in progress for pair in seen.chunks]
    return {member: chunk for member, chunk in chunks if isinstance(chunk, loop.LastChunk)}


@pytest.mark.parametrize("strategy", ["vmap", "map", "alone"])
def test_a_sweep_goes_on_in_the_middle_of_its_lanes_to_the_bits_of_one_that_never_stopped(strategy):
    whole = ends(train_members(strategy))
    saved = train_members(strategy, save_every=SAVE)
    for snapshot in [seen.snapshot for seen in saved if seen.snapshot is not None and seen.snapshot.step == SAVE]:
        resumed = ends(train_members(strategy, start=snapshot))
        assert resumed.keys() == {member for member in whole if member >= snapshot.first}
        for member, chunk in resumed.items():
            assert chunk.diverged == whole[member].diverged
            if chunk.diverged is None:
                assert_same_end(chunk, whole[member])
