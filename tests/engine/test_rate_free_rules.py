"""Rules that find their own step, in runs: a batch in parts, a clip, a sweep's members, what they measure."""

import jax
import numpy as np
import pytest
from test_what_a_rule_reads import LEAST, NUMBERS, STEPS, TASK, build, close, data, trained

from padl.app import names
from padl.data.source import Data
from padl.engine import lanes, loop, sweep
from padl.engine.keys import key_numbers

MEASURED = {"prodigy": "d", "momo": "step_size"}
FEW = ("prodigy", "momo", "schedule_free_adamw")  # by a distance, by the loss, with others to judge: one of each
ESTIMATE = {"prodigy": {"d0": 0.01}, "dog": {"r0": 0.01}}  # soon above the first


def rule(name):
    """What makes it, and its numbers."""
    return names.find("optimizer", name).split(ESTIMATE.get(name, {}))


def hparams(name, factor=1.0, **run):
    numbers = rule(name)[1]
    numbers = {**numbers, "learning_rate": factor * numbers["learning_rate"]}
    return jax.tree.map(np.float32, {**NUMBERS, "optimizer": numbers, "run": {"steps": STEPS, **run}})


@pytest.mark.parametrize("name", ["prodigy", "polyak_sgd", "momo_adam"])
def test_a_batch_in_parts_is_the_batch_and_its_loss_that_of_all_parts(name):
    whole, parts = (trained(rule(name)[0], hparams(name), accumulate=parts) for parts in (1, 4))
    close(parts.state.params, whole.state.params)


@pytest.mark.parametrize("name", FEW)
def test_members_of_a_sweep_go_as_the_runs_alone_and_what_is_measured_of_each_is_its_own(name):
    measure = ("effective_step", *([MEASURED[name]] if name in MEASURED else []))
    factors = (1.0, 0.01)
    what = lanes.Structure(build(rule(name)[0], measure=measure), STEPS, 3, 3, LEAST)
    numbers = lanes.stack([hparams(name, factor) for factor in factors])
    who = lanes.Members(np.stack([key_numbers(0)] * 2), numbers, Data(dict(TASK.rows), lanes.stack([data().split] * 2)))
    chunks = [c for p in sweep.run(what, who, lanes.Lanes("vmap", 2, tuple(jax.devices()[:1]))) for c in p.chunks]
    ends = {member: chunk for member, chunk in chunks if isinstance(chunk, loop.LastChunk)}
    for member, factor in enumerate(factors):
        alone = trained(rule(name)[0], hparams(name, factor), measure=measure)
        close(ends[member].judged, alone.judged)
        for each in measure:
            np.testing.assert_allclose(ends[member].train[each], alone.train[each], rtol=1e-4)
    assert all((ends[0].train[each] != ends[1].train[each]).any() for each in measure)


@pytest.mark.parametrize("name", ["dog", "momo"])
def test_a_clip_is_of_the_gradient_that_the_rule_is_given(name):
    clipped, loose = (trained(rule(name)[0], hparams(name, clip_norm=norm)) for norm in (0.1, 1e9))
    for tree in (clipped, loose):
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(tree.state.params))
    moved = [np.concatenate([np.ravel(x) for x in jax.tree.leaves(each.state.params)]) for each in (clipped, loose)]
    assert not np.array_equal(*moved)
