"""Many runs in one program: what a member computes, what it shares, what disturbs it, what is compiled."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.data.source import Data
from padl.data.split import Holdout
from padl.engine import lanes, loop, packing, sweep
from padl.engine.experiment import Experiment, Pretrained
from padl.engine.lanes import Lanes, Members, Starts, Structure
from padl.registry import StaticPartial
from padl.tasks.classification import classification
from padl.tasks.loss_inputs import Words
from padl.tasks.task import ObjectiveConfig
from padl.types import PadlError

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((48, 4, 4, 1)).astype(np.float32)
TASK = classification(INPUTS, (INPUTS.sum((1, 2, 3)) > 0).astype(np.int32), 2, holdout=Holdout(1 / 3), where="images")
MLP = StaticPartial(padl.models.mlp, (("widths", (4,)), ("norm", "batch")))
CNN = StaticPartial(padl.models.cnn, (("channels", (3,)), ("norm", "batch")))
COMPILE = "/jax/core/compile/backend_compile_duration"
STEPS, EVERY = 12, 5


def structure(model=MLP, optimizer=padl.optimizers.momentum, steps=STEPS):
    objective = TASK.objective(ObjectiveConfig(model, StaticPartial(padl.losses.cross_entropy), Words("labels")))
    experiment = Experiment(objective, optimizer, padl.schedules.warmup_cosine, 8)
    return Structure(experiment, steps, EVERY, 6, TASK.criterion)


def hparams(rate=0.05, **optimizer):
    optimizer = {"learning_rate": rate, **(optimizer or {"momentum": 0.9})}
    numbers = {"schedule": {"warmup": 0.1, "final": 0.0}, "model": {"dropout": 0.2}, "loss": {}, "task": {}}
    return jax.tree.map(np.float32, {"optimizer": optimizer, "run": {"steps": STEPS}, **numbers})


def members(rates=(0.05, 0.02, 0.1, 0.01), **optimizer):
    keys = np.stack([np.array([0, seed], np.uint32) for seed in range(len(rates))])
    splits = lanes.stack([TASK.split(seed, {}) for seed in range(len(rates))])
    return Members(keys, lanes.stack([hparams(r, **optimizer) for r in rates]), Data(dict(TASK.rows), splits))


def run(what, who, strategy="vmap", count=4, devices=2, say=lambda line: None, ends=None):
    laid = Lanes(strategy, count, tuple(jax.devices()[:devices]))
    chunks = {i: [] for i in range(who.size)}
    for progress in sweep.run(what, who, laid, say=say, ends=ends):
        for member, chunk in progress.chunks:
            chunks[member].append(chunk)
    return chunks


def alone(what, who, member, ends=None):
    keys, hp, data, _ = who.take(np.array(member))
    options = {
        "steps": what.steps,
        "steps_per_call": what.steps_per_call,
        "eval_every": what.eval_every,
        "criterion": what.criterion,
        "ends": ends,
    }
    key = jax.random.wrap_key_data(keys)
    return list(loop.run(what.experiment, key, jax.device_put(hp), jax.device_put(data), **options))


def losses(chunks):
    return np.concatenate([chunk.train["loss"] for chunk in chunks])


def compilations():
    heard = []
    jax.monitoring.register_event_duration_secs_listener(listener := lambda name, *_, **__: heard.append(name))
    return heard, listener


@pytest.mark.parametrize("model", [MLP, CNN], ids=["mlp", "cnn"])
@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_a_member_begins_with_the_bits_of_the_run_alone_and_stays_with_it_but_for_rounding(model, strategy):
    what, who = structure(model), members()
    together = run(what, who, strategy)
    for member in (0, 3):
        ref = alone(what, who, member)
        # The first loss sees the first parameters, rows and dropout mask: only the order of its sum may differ.
        np.testing.assert_allclose(losses(together[member])[0], losses(ref)[0], rtol=1e-6)
        np.testing.assert_allclose(losses(together[member]), losses(ref), rtol=2e-4)  # rounding, 12 steps on
        assert [c.step for c in together[member]] == [c.step for c in ref]
        ours, theirs = together[member][-1], ref[-1]
        assert int(ours.best.step) == int(theirs.best.step)
        for name, value in theirs.evaluation.items():
            assert ours.evaluation[name] == pytest.approx(value, rel=1e-3, abs=1e-6)


def test_a_members_first_parameters_are_those_of_the_run_alone_bit_for_bit():
    what, who = structure(steps=1), members((0.0, 0.0, 0.0, 0.0))
    together = run(what, who)
    for member in range(4):
        for name, p in alone(what, who, member)[-1].state.params.items():
            np.testing.assert_array_equal(together[member][-1].state.params[name], p)  # a step of length 0 keeps them


@pytest.mark.parametrize("strategy", ["vmap", "map", "alone"])
def test_a_member_begins_with_its_own_set_of_pretrained_arrays_and_fresh_ones_elsewhere(strategy):
    what, who = structure(steps=1), members((0.0, 0.0, 0.0, 0.0))
    ref = [alone(what, who, member)[-1].state for member in range(4)]
    taken = "head.kernel"
    sets = dict.fromkeys(ref[0].params) | {taken: np.stack([np.ones((4, 2), "f4"), np.zeros((4, 2), "f4")])}
    starts = Starts(
        Pretrained(sets, jax.tree.map(lambda _: None, ref[0].model_state)), np.array([0, 1, 1, 0], np.int32)
    )
    together = run(what, who._replace(starts=starts), strategy, devices=1 if strategy == "alone" else 2)
    for member, number in enumerate(starts.number):
        params = together[member][-1].state.params
        np.testing.assert_array_equal(params[taken], sets[taken][number])
        for name in params.keys() - {taken}:
            np.testing.assert_array_equal(params[name], ref[member].params[name])


@pytest.mark.parametrize("model", [MLP, CNN], ids=["mlp", "cnn"])
def test_one_by_one_a_member_is_the_run_alone_bit_for_bit(model):
    what, who = structure(model), members()
    together = run(what, who, "alone", 1, 1)
    for member in (0, 3):
        ref = alone(what, who, member)
        np.testing.assert_array_equal(losses(together[member]), losses(ref))
        for name, p in ref[-1].state.params.items():
            np.testing.assert_array_equal(together[member][-1].state.params[name], p)


@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_a_member_that_diverges_is_frozen_at_its_step_and_disturbs_no_other(strategy):
    what = structure()
    healthy, ill = (
        run(what, members((0.05, 0.02, 0.1, 0.01)), strategy),
        run(what, members((0.05, 1e30, 0.1, 0.01)), strategy),
    )
    assert ill[1][-1].diverged == alone(what, members((0.05, 1e30, 0.1, 0.01)), 1)[-1].diverged
    assert all(np.isfinite(p).all() for p in ill[1][-1].state.params.values())  # as they were before that step
    for member in (0, 2, 3):
        np.testing.assert_array_equal(losses(ill[member]), losses(healthy[member]))
        assert ill[member][-1].evaluation == healthy[member][-1].evaluation
        assert ill[member][-1].diverged is None


def test_when_all_have_diverged_no_further_step_is_taken():
    seen = list(sweep.run(structure(steps=200), members((1e30,) * 4), Lanes("vmap", 4, tuple(jax.devices()[:2]))))
    assert seen[-1].step < 50
    assert seen[-1].done
    assert len([chunk for _, chunk in seen[-1].chunks if chunk.diverged]) == 4


@pytest.mark.parametrize("strategy", ["vmap", "map", "alone"])
def test_a_member_that_is_ended_stays_what_the_run_alone_is_there_and_disturbs_no_other(strategy):
    what, who, asked = structure(steps=20), members(), []

    def ends(member, step, value):
        asked.append((member, step))
        return (member, step) == (1, 6)

    laid = {"count": 1, "devices": 1} if strategy == "alone" else {}
    together, untouched = run(what, who, strategy, **laid, ends=ends), run(what, who, strategy, **laid)
    ours, ref = together[1][-1], alone(what, who, 1, ends=lambda step, value: step == 6)[-1]
    assert isinstance(ours, loop.LastChunk)
    assert [chunk.step for chunk in together[1]] == [5, 6]
    assert {step for member, step in asked if member == 1} == {6}
    assert {step for member, step in asked if member == 0} == {6, 12, 18}  # the last evaluation ends it anyway
    close = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    same = np.testing.assert_array_equal if strategy == "alone" else close
    for part in ("params", "model_state"):
        jax.tree.map(same, getattr(ours.state, part), getattr(ref.state, part))
        jax.tree.map(same, getattr(ours.best, part), getattr(ref.best, part))
    assert int(ours.best.step) == int(ref.best.step)
    assert ours.evaluation == untouched[1][1].evaluation
    for member in (0, 2, 3):
        np.testing.assert_array_equal(losses(together[member]), losses(untouched[member]))


@pytest.mark.parametrize("strategy", ["vmap", "map"])
def test_when_all_are_ended_no_further_step_is_taken(strategy):
    laid = Lanes(strategy, 4, tuple(jax.devices()[:2]))
    seen = list(sweep.run(structure(steps=200), members(), laid, ends=lambda *_: True))
    assert [progress.step for progress in seen] == [5, 6]
    assert [progress.done for progress in seen] == [False, True]


def test_one_by_one_a_member_that_is_ended_takes_no_step_more():
    steps = []

    def counted(learning_rate):
        inner = optax.sgd(learning_rate)

        def update(grads, state, params=None, **_):
            jax.debug.callback(lambda: steps.append(1))
            return inner.update(grads, state, params)

        return optax.GradientTransformationExtraArgs(inner.init, update)

    who = without_momentum(members())
    run(structure(optimizer=counted, steps=20), who, "map", devices=1, ends=lambda member, step, _: member < 3)
    jax.effects_barrier()
    assert len(steps) == 3 * 6 + 20


def test_ending_members_compiles_no_program_of_its_own():
    what, who = structure(steps=20), members()
    run(what, who)
    heard, listener = compilations()
    run(what, who, ends=lambda member, step, value: member == 2)
    jax.monitoring.unregister_event_duration_listener(listener)
    assert heard.count(COMPILE) == 0


def test_a_structure_is_one_compiled_program_whatever_its_numbers_and_however_long_it_runs():
    heard, listener = compilations()
    optimizer = padl.optimizers.nesterov
    run(structure(optimizer=optimizer), members())
    first = heard.count(COMPILE)
    run(structure(optimizer=optimizer, steps=17), members((0.3, 0.2, 0.1, 0.4), momentum=0.5))
    jax.monitoring.unregister_event_duration_listener(listener)
    assert (first, heard.count(COMPILE)) == (1, 1)


def test_more_members_than_lanes_are_trained_in_rounds_and_those_that_fill_up_are_not_seen():
    what, who = structure(), members((0.05, 0.02, 0.1, 0.01, 0.03, 0.04, 0.06))
    all_at_once, rounds = run(what, who, count=8), run(what, who, count=4)
    assert sorted(rounds) == list(range(7))
    for member in range(7):
        assert isinstance(rounds[member][-1], loop.LastChunk)
        np.testing.assert_allclose(losses(rounds[member]), losses(all_at_once[member]), rtol=2e-4)  # other batched sums


def test_out_of_memory_halves_the_lanes_says_so_and_goes_on(monkeypatch):
    what, who, lines = structure(), members(), []
    real = sweep.compiled

    def scarce(structure, members, laid):
        if laid.count > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")
        return real(structure, members, laid)

    monkeypatch.setattr(sweep, "compiled", scarce)
    found = run(what, who, say=lines.append)
    assert lines == ["out of memory with 4 members at once: going on with 2"]
    assert all(isinstance(found[member][-1], loop.LastChunk) for member in range(4))
    monkeypatch.setattr(sweep, "compiled", lambda *_: scarce(what, who, Lanes("vmap", 4, ())))
    with pytest.raises(PadlError, match="single member"):
        run(what, who)


def every_third(learning_rate):
    """SGD that keeps a running mean of the gradient, renewed at every third step: a branch on the step count."""
    inner = optax.trace(0.9)

    def init(params):
        return jnp.zeros((), jnp.int32), inner.init(params)

    def update(grads, state, params=None, **_):
        count, trace = state
        rate = learning_rate(count)
        updates, trace = jax.lax.cond(count % 3 == 0, lambda: inner.update(grads, trace), lambda: (trace.trace, trace))
        return jax.tree.map(lambda u: -rate * u, updates), (count + 1, trace)

    return optax.GradientTransformationExtraArgs(init, update)


def program_text(optimizer, who):
    laid = Lanes("vmap", 2, tuple(jax.devices()[:1]))
    return lanes.compiled(structure(optimizer=optimizer), who, laid).call.as_text()


def without_momentum(who):
    return who._replace(
        hparams={**who.hparams, "optimizer": {"learning_rate": who.hparams["optimizer"]["learning_rate"]}}
    )


def test_counters_are_shared_so_that_every_k_steps_stays_a_branch():
    who = without_momentum(members((0.05, 0.02)))

    def always(learning_rate):
        return optax.chain(optax.trace(0.9), optax.scale_by_learning_rate(learning_rate))

    branches = lambda optimizer: program_text(optimizer, who).count(" conditional(")  # noqa: E731
    assert branches(every_third) == branches(always) + 1


def every_third_and_growing(learning_rate):
    """The rule above, which also counts gradients that grew, and finite ones, each member for itself."""
    inner = every_third(learning_rate)

    def init(params):
        return inner.init(params), jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32)

    def update(grads, state, params=None, **_):
        rule, before, grown, seen = state
        norm = sum(jnp.square(g).sum() for g in jax.tree.leaves(grads))
        updates, rule = inner.update(grads, rule, params)
        updates = jax.tree.map(lambda u: u / (1 + grown % 2), updates)
        return updates, (rule, norm, grown + (norm > before), seen + jnp.isfinite(norm))

    return optax.GradientTransformationExtraArgs(init, update)


def test_a_count_of_what_a_member_sees_leaves_every_k_steps_a_branch_for_the_count_of_steps():
    who = without_momentum(members((0.05, 0.02)))
    branches = lambda optimizer: program_text(optimizer, who).count(" conditional(")  # noqa: E731
    assert branches(every_third_and_growing) == branches(every_third)


def test_a_rule_with_a_shared_and_an_own_count_is_the_run_alone():
    what, who = structure(optimizer=every_third_and_growing), without_momentum(members((0.05, 0.02, 0.1, 1e30)))
    together, counts = run(what, who), set()
    for member in range(3):
        ref = alone(what, who, member)
        np.testing.assert_allclose(losses(together[member]), losses(ref), rtol=2e-4)
        ours, theirs = together[member][-1].state.opt_state, ref[-1].state.opt_state
        assert [int(x) for x in (ours[0][0], *ours[2:])] == [int(x) for x in (theirs[0][0], *theirs[2:])]
        counts.add(int(ours[2]))
    assert len(counts) > 1  # each member has its own
    diverged = together[3][-1]
    assert int(diverged.state.opt_state[3]) == diverged.diverged - 1  # as it was before that step


def test_a_rule_that_counts_by_what_it_sees_keeps_a_count_for_each_member():
    def careful(learning_rate):
        return optax.apply_if_finite(optax.sgd(learning_rate), 3)

    what, who = structure(optimizer=careful), without_momentum(members())
    together = run(what, who)
    np.testing.assert_allclose(losses(together[2]), losses(alone(what, who, 2)), rtol=2e-4)


@pytest.mark.parametrize(
    ("members_", "limit", "devices", "count", "used"),
    [
        (48, 100, 2, 48, 2),
        (48, 20, 2, 16, 2),
        (5, 3, 2, 2, 2),
        (9, 5, 2, 4, 2),
        (5, 100, 2, 6, 2),
        (1, 100, 4, 1, 1),
        (7, 3, 2, 2, 2),
        (3, 1, 2, 1, 1),
    ],
)
def test_rounds_are_of_one_size_and_fill_the_devices(members_, limit, devices, count, used):
    laid = packing._in_rounds("vmap", limit, members_, list(range(devices)))
    assert (laid.count, len(laid.devices)) == (count, used)


def test_a_sweep_larger_than_memory_is_cut_by_what_the_program_needs():
    what, who = structure(), members((0.05,) * 16)
    devices = jax.devices()[:1]
    whole = lanes.compiled(what, who, Lanes("vmap", 16, tuple(devices))).bytes
    laid = packing.arrange(what, who, "vmap", devices, memory=whole // 2)
    assert 1 <= laid.count <= 8
    assert lanes.compiled(what, who, laid).bytes <= whole // 2
    assert packing.arrange(what, who, "vmap", devices, memory=10 * whole).count == 16


@pytest.mark.parametrize(
    ("model", "how"), [(MLP, "vmap"), (CNN, "map"), (StaticPartial(padl.models.mlp, (("widths", (2048,)),)), "map")]
)
def test_on_a_cpu_convolutions_and_wide_layers_go_one_by_one(model, how):
    assert packing.choose(packing.outline(structure(model), members()), jax.devices()[0]) == how


def test_members_of_one_form_are_traced_once_however_many_they_are_and_whatever_their_numbers():
    traces = []

    def counted(learning_rate, momentum=0.9):
        traces.append(1)
        return padl.optimizers.momentum(learning_rate, momentum)

    first = packing.outline(structure(optimizer=counted), members())
    once = len(traces)
    assert packing.outline(structure(optimizer=counted, steps=2 * STEPS), members((0.3, 0.2))) == first
    assert len(traces) == once
    packing.outline(structure(CNN, counted), members())
    fewer = Data({name: rows[:40] for name, rows in TASK.rows.items()}, members().data.split)
    packing.outline(structure(optimizer=counted), members()._replace(data=fewer))
    assert len(traces) == 3 * once
