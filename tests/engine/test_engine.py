"""The compiled engine, from functions alone: what runs compute, what compiles, what is donated, what devices share."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl.data import source
from padl.data.source import Data
from padl.data.split import Holdout
from padl.engine import experiment as experiments
from padl.engine import loop, mesh
from padl.registry import StaticPartial
from padl.tasks.classification import classification
from padl.tasks.loss_inputs import Words
from padl.tasks.regression import regression
from padl.tasks.task import ObjectiveConfig
from padl.types import Criterion, PadlError

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((48, 3)).astype(np.float32)
LABELS = (INPUTS.sum(1) > 0).astype(np.int32)
TASK = classification(INPUTS, LABELS, 2, holdout=Holdout(1 / 3), where="points")
MLP = StaticPartial(padl.models.mlp, (("widths", (4,)),))
KEY = jax.random.key(0)


def objective(model=MLP, dtype="float32", task=TASK, loss=padl.losses.cross_entropy, word="labels"):
    return task.objective(ObjectiveConfig(model, StaticPartial(loss), Words(word), dtype))


def hparams(**changed):
    base = {name: {} for name in ("schedule", "model", "loss", "task")}
    numbers = {"optimizer": {"learning_rate": 0.05}, "run": {"steps": 40.0}, **changed}
    return jax.tree.map(jnp.float32, {**base, **numbers})


def data(task=TASK, seed=0, scalars=None):
    return jax.device_put(Data(task.rows, task.split(seed, scalars or {})))


def build(objective_=None, optimizer=padl.optimizers.sgd, schedule=padl.schedules.constant, batch=8, **options):
    return experiments.Experiment(objective_ or objective(), optimizer, schedule, batch, **options)


ACCURACY = Criterion("accuracy", "max")


def run(experiment, steps=40, steps_per_call=10, eval_every=20, hp=None, d=None, criterion=ACCURACY):
    d = data() if d is None else d
    options = {"steps": steps, "steps_per_call": steps_per_call, "eval_every": eval_every, "criterion": criterion}
    return list(loop.run(experiment, KEY, hp or hparams(), d, **options))


def losses(chunks):
    return np.concatenate([chunk.train["loss"] for chunk in chunks])


def test_a_step_is_one_update_by_hand():
    experiment, hp, d = build(batch=32), hparams(), data()
    state = jax.jit(experiment.init)(KEY, hp)

    def mean_loss(params):
        x = (d.rows["inputs"][d.split.train] - d.split.stats["mean"]) / d.split.stats["std"]
        hidden = jax.nn.relu(x @ params["blocks.0.linear.kernel"] + params["blocks.0.linear.bias"][None])
        logits = hidden @ params["head.kernel"] + params["head.bias"][None]
        return -jax.nn.log_softmax(logits)[jnp.arange(32), d.rows["labels"][d.split.train]].mean()

    value, grads = jax.value_and_grad(mean_loss)(state.params)
    after, metrics = jax.jit(experiment.step)(state, hp, d)
    np.testing.assert_allclose(metrics["loss"], value, rtol=1e-5)  # float32 sums in another order
    for name, g in grads.items():
        np.testing.assert_allclose(after.params[name], state.params[name] - 0.05 * g, rtol=1e-4, atol=1e-6)


def test_the_same_key_gives_the_same_run_bit_for_bit():
    np.testing.assert_array_equal(losses(run(build())), losses(run(build())))


def test_how_many_steps_are_one_call_changes_nothing():
    np.testing.assert_array_equal(losses(run(build(), steps_per_call=7)), losses(run(build(), steps_per_call=20)))


def test_equal_arguments_give_equal_experiments_and_so_one_program():
    assert hash(build()) == hash(build())
    assert loop._steps(build(), 10) is loop._steps(build(), 10)


def test_another_value_of_any_scalar_compiles_nothing():
    model = StaticPartial(padl.models.mlp, (("widths", (4,)), ("norm", "batch")))
    experiment = build(objective(model), padl.optimizers.adam, padl.schedules.warmup_cosine)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(listener := lambda name, *_, **__: compiled.append(name))
    for i in range(1, 4):
        hp = hparams(
            optimizer={"learning_rate": 0.01 * i, "b1": 0.8 + 0.01 * i, "b2": 0.99, "eps": 1e-8 * i},
            schedule={"warmup": 0.1 * i, "final": 0.01 * i},
            model={"dropout": 0.1 * i},
            run={"steps": 40.0 * i, "clip_norm": 1.0 * i, "ema": 0.9},
        )
        d = data(seed=i)
        before = compiled.count("/jax/core/compile/backend_compile_duration")
        list(
            loop.run(
                experiment,
                jax.random.key(i),
                hp,
                d,
                steps=40,
                steps_per_call=10,
                eval_every=20,
                criterion=TASK.criterion,
            )
        )
        count = compiled.count("/jax/core/compile/backend_compile_duration") - before
        assert count == 0 if i > 1 else count > 0
    jax.monitoring.unregister_event_duration_listener(listener)


def test_the_carry_is_donated_without_a_copy():
    wide = StaticPartial(padl.models.mlp, (("widths", (256, 256)),))
    experiment, hp, d = build(objective(wide), padl.optimizers.momentum), hparams(), data()
    hp["optimizer"]["momentum"] = jnp.float32(0.9)
    state = jax.jit(experiment.init)(KEY, hp)
    size = sum(x.nbytes for x in jax.tree.leaves((state.params, state.opt_state)))
    memory = loop._steps(experiment, 10).lower(state, hp, d).compile().memory_analysis()
    assert memory.alias_size_in_bytes >= size  # every parameter and velocity is written where it was read
    assert memory.temp_size_in_bytes < size  # gradients live in it, a second copy of the carry does not


def test_accumulation_is_the_step_of_the_whole_batch():
    whole, parts = run(build(batch=16)), run(build(batch=16, accumulate=4))
    np.testing.assert_allclose(losses(parts), losses(whole), rtol=2e-5)  # float32 sums in another order
    for name, p in whole[-1].state.params.items():
        np.testing.assert_allclose(parts[-1].state.params[name], p, rtol=1e-4, atol=1e-5)


def test_clipping_bounds_the_gradient_and_leaves_a_small_one_alone():
    free, loose = run(build()), run(build(), hp=hparams(run={"steps": 40.0, "clip_norm": 1e6}))
    np.testing.assert_allclose(losses(loose), losses(free), rtol=1e-6)
    experiment, hp, d = build(), hparams(run={"steps": 40.0, "clip_norm": 1e-3}), data()
    state = jax.jit(experiment.init)(KEY, hp)
    after, _ = jax.jit(experiment.step)(state, hp, d)
    moved = jax.tree.map(lambda a, b: a - b, after.params, state.params)
    norm = np.sqrt(sum(float((m**2).sum()) for m in moved.values()))
    assert norm == pytest.approx(0.05 * 1e-3, rel=1e-3)  # learning rate × largest norm, up to float32


def test_the_average_of_parameters_is_what_is_evaluated():
    hp = hparams(run={"steps": 40.0, "ema": 0.9})
    experiment, d = build(), data()
    last = run(experiment, hp=hp)[-1]
    assert last.judged is last.state.average
    judged = jax.jit(experiment.evaluate)(last.state.average, last.state.model_state, hp, d)
    assert float(judged["loss"]) == pytest.approx(last.evaluation["loss"], rel=1e-6)


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.9999])
def test_the_average_is_the_mean_of_all_parameters_so_far_with_weights_that_decay(decay):
    hp, d = hparams(run={"steps": 40.0, "ema": decay}), data()
    experiment, history = build(), []
    state, step = jax.jit(experiment.init)(KEY, hp), jax.jit(experiment.step)
    for t in range(1, 6):
        state, _ = step(state, hp, d)
        history.append(state.params)
        weights = np.float64(decay) ** np.arange(t - 1, -1, -1.0)
        for name, a in state.average.items():
            parameters = np.stack([np.asarray(params[name], np.float64) for params in history])
            wanted = np.tensordot(weights / weights.sum(), parameters, 1)
            np.testing.assert_allclose(a, wanted, rtol=1e-4, atol=1e-5)  # 1 - 0.9999 has 13 bits in float32


def test_every_decay_of_the_average_has_a_course_of_its_own_from_the_second_step_on():
    zero, one = jnp.zeros(()), jnp.ones(())
    step = jax.vmap(lambda decay, t: experiments._moved(zero, one, t, decay), (0, None))
    decays = jnp.array([0.9, 0.99, 0.999, 0.9999])
    for t in (1, 600, 100_000):
        assert len(set(np.asarray(step(decays, t)).tolist())) == 4


def test_clipping_a_gradient_that_a_rule_does_not_look_at_is_refused():
    def own_gradient(learning_rate):
        def update(grads, state, params, *, value_fn, **_):
            return jax.tree.map(lambda g: -learning_rate(0) * g, jax.grad(value_fn)(params)), state

        return optax.GradientTransformationExtraArgs(lambda params: (), update)

    hp = hparams(run={"steps": 40.0, "clip_norm": 1.0})
    trace = lambda built: jax.eval_shape(built.step, jax.eval_shape(built.init, KEY, hp), hp, data())  # noqa: E731
    with pytest.raises(PadlError, match="clip_norm would do nothing: this optimizer takes its own gradient"):
        trace(build(optimizer=own_gradient))
    trace(build(optimizer=padl.optimizers.sgd))


def test_the_learning_rate_is_the_peak_times_the_shape_of_the_fraction_done():
    chunks = run(build(schedule=padl.schedules.linear), hp=hparams(schedule={"final": 0.0}))
    rates = np.concatenate([chunk.train["learning_rate"] for chunk in chunks])
    np.testing.assert_allclose(rates, 0.05 * (1 - np.arange(40) / 40), rtol=1e-5)


def test_gradient_descent_takes_every_row_and_never_goes_uphill():
    hp, d = hparams(), data()
    experiment = build(batch=32)
    other_order = jax.jit(experiment.init)(KEY, hp)._replace(key=jax.random.key(99))
    step = jax.jit(experiment.step)
    state = other_order._replace(key=KEY)
    for _ in range(3):
        (state, a), (other_order, b) = step(state, hp, d), step(other_order, hp, d)
        assert float(a["loss"]) == float(b["loss"])  # no order of the rows, so no chance in it
    assert np.all(np.diff(losses(run(experiment, steps=20))) < 0)


def test_the_best_parameters_are_those_of_the_best_evaluation():
    chunks = run(build(), steps=40, steps_per_call=5, eval_every=5)
    scores = [(c.evaluation["accuracy"], -c.step) for c in chunks]  # the first of equal ones
    best = max(scores)
    assert float(chunks[-1].best.value) == pytest.approx(best[0])
    assert int(chunks[-1].best.step) == -best[1]


def test_metrics_come_for_every_step_and_evaluations_where_they_are_due():
    chunks = run(build(), steps=25, steps_per_call=10, eval_every=15)
    assert [c.step for c in chunks] == [10, 15, 25]
    assert [len(c.train["loss"]) for c in chunks] == [10, 5, 10]
    assert [bool(c.evaluation) for c in chunks] == [False, True, True]


@pytest.mark.parametrize(
    ("steps", "steps_per_call", "eval_every"), [(1, 50, 1), (7, 3, 2), (100, 50, 30), (10, 50, 100)]
)
def test_a_plan_covers_the_steps_and_ends_with_an_evaluation(steps, steps_per_call, eval_every):
    plan = list(loop.plan(steps, steps_per_call, eval_every))
    assert sum(call.length for call in plan) == steps
    assert all(call.length <= steps_per_call for call in plan)
    assert plan[-1].evaluates
    assert sum(call.evaluates for call in plan) == -(-steps // eval_every)


def test_a_loss_that_is_not_finite_ends_the_run_at_its_step():
    chunks = run(build(), steps=40, steps_per_call=10, hp=hparams(optimizer={"learning_rate": 1e30}))
    assert chunks[-1].diverged is not None
    assert chunks[-1].step == 10
    trace = chunks[-1].train["loss"]
    assert np.isfinite(trace[: chunks[-1].diverged - 1]).all()
    assert not np.isfinite(trace[chunks[-1].diverged - 1])


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_four_devices_give_the_result_of_one(model):
    images = RNG.standard_normal((40, 6, 6, 1)).astype(np.float32)
    task = classification(images, np.arange(40) % 2, 2, holdout=Holdout(0.2), where="images")
    widths = ("widths", (4,)) if model == "mlp" else ("channels", (4,))
    net = StaticPartial(getattr(padl.models, model), (widths, ("norm", "batch")))
    results = []
    for count in (1, 4):
        devices = jax.devices()[:count]
        over = mesh.for_rows(devices, 16)
        assert (over is None) == (count == 1)
        experiment = build(objective(net, task=task), batch=16, mesh=over)
        put = [mesh.put(x, devices, over) for x in (KEY, hparams(), data(task))]
        options = {"steps": 10, "steps_per_call": 5, "eval_every": 10, "criterion": task.criterion}
        results.append(list(loop.run(experiment, *put, **options)))
    np.testing.assert_allclose(losses(results[0]), losses(results[1]), rtol=1e-4)  # sums in another order


def test_a_mesh_takes_as_many_devices_as_divide_the_rows():
    assert mesh.for_rows(jax.devices()[:4], 6).size == 2
    assert mesh.for_rows(jax.devices()[:4], 7) is None
    assert mesh.for_rows(jax.devices()[:4], None) is None


def test_bfloat16_computes_in_half_and_keeps_parameters_and_loss_in_single():
    single, half = run(build()), run(build(objective(dtype="bfloat16")))
    assert half[-1].train["loss"].dtype == np.float32
    assert {p.dtype for p in half[-1].state.params.values()} == {jnp.dtype("float32")}
    np.testing.assert_allclose(losses(half), losses(single), atol=0.05)  # bfloat16 has 8 bits
    assert not np.array_equal(losses(half), losses(single))


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_dropout_and_norms_train(norm):
    model = StaticPartial(padl.models.mlp, (("widths", (16,)), ("norm", norm)))
    chunks = run(build(objective(model)), steps=40, hp=hparams(model={"dropout": 0.1}))
    assert losses(chunks)[-10:].mean() < losses(chunks)[:10].mean()


def test_the_rule_gets_what_the_contract_promises():
    import optax

    seen = {}

    def update(updates, state, params=None, **extra):
        seen.update(extra)
        return jax.tree.map(lambda g: -0.01 * g, updates), state

    experiment = build(optimizer=lambda **_: optax.GradientTransformationExtraArgs(lambda p: (), update))
    state = jax.eval_shape(experiment.init, KEY, hparams())
    jax.eval_shape(experiment.step, state, hparams(), data())
    assert {"value", "grad", "value_fn"} <= set(seen)


@pytest.mark.parametrize("accumulate", [1, 4])
def test_the_value_function_of_a_rule_is_the_loss_of_the_whole_batch(accumulate):
    import optax

    def update(updates, state, params=None, *, value, value_fn, **extra):
        return jax.tree.map(jnp.zeros_like, updates), (value, value_fn(params))

    rule = optax.GradientTransformationExtraArgs(lambda p: (jnp.zeros(()), jnp.zeros(())), update)
    experiment, hp, d = build(optimizer=lambda **_: rule, batch=16, accumulate=accumulate), hparams(), data()
    state, _ = jax.jit(experiment.step)(jax.jit(experiment.init)(KEY, hp), hp, d)
    value, again = state.opt_state
    assert float(value) == pytest.approx(float(again), rel=1e-6)


def test_a_transformation_of_optax_can_be_run():
    import optax

    chunks = run(build(optimizer=lambda learning_rate: optax.adam(learning_rate)))
    assert losses(chunks)[-10:].mean() < losses(chunks)[:10].mean()


def test_the_linear_model_finds_the_least_squares_solution():
    x = RNG.standard_normal((60, 3)).astype(np.float32)
    y = x @ np.array([1.0, -2.0, 0.5]) + 3.0
    task = regression(x, y, holdout=Holdout(0.2), where="plane")
    plane = objective(StaticPartial(padl.models.linear), task=task, loss=padl.losses.mse, word="values")
    hp = hparams(optimizer={"learning_rate": 0.1}, run={"steps": 300.0})
    chunks = run(build(plane, batch=48), 300, 100, 300, hp, data(task), task.criterion)
    assert chunks[-1].evaluation["rmse"] < 1e-4
    assert chunks[-1].evaluation["r2"] == pytest.approx(1.0, abs=1e-5)


def test_an_evaluation_in_batches_is_that_of_all_rows(monkeypatch):
    experiment, hp, d = build(), hparams(), data()
    state = jax.jit(experiment.init)(KEY, hp)
    whole = jax.jit(experiment.evaluate)(state.params, state.model_state, hp, d)
    monkeypatch.setattr(source, "EVALUATION_BATCH", 5)  # 16 rows: the last batch is padded
    parts = jax.jit(experiment.evaluate)(state.params, state.model_state, hp, d)
    for name, value in whole.items():
        np.testing.assert_allclose(parts[name], value, rtol=1e-5)


def test_an_accelerator_that_is_not_there_is_refused_in_one_line():
    with pytest.raises(padl.PadlError, match="device=tpu: there is none, JAX finds cpu"):
        mesh.devices("tpu")
    with pytest.raises(padl.PadlError, match="devices=99: there are 4 on cpu"):
        mesh.devices("cpu", 99)


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
def test_the_key_of_a_run_is_that_of_its_seed(seed):
    from padl.app.plan import run_key

    np.testing.assert_array_equal(jax.random.key_data(run_key(seed)), jax.random.key_data(jax.random.key(seed)))


def test_a_last_update_that_destroys_the_parameters_is_a_divergence():
    chunks = run(build(), steps=1, steps_per_call=1, eval_every=1, hp=hparams(optimizer={"learning_rate": 1e38}))
    assert chunks[-1].diverged == 1
    assert int(chunks[-1].best.step) == 0


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_half_precision_model_multiplies_in_half_precision(norm):
    model = StaticPartial(padl.models.mlp, (("widths", (8, 8)), ("norm", norm)))
    experiment, hp, d = build(objective(model, dtype="bfloat16")), hparams(), data()
    state = jax.eval_shape(experiment.init, KEY, hp)
    text = str(jax.make_jaxpr(experiment.evaluate)(state.params, state.model_state, hp, d))
    products = [line for line in text.splitlines() if "dot_general" in line]
    assert len(products) == 3
    assert all(":bf16" in line for line in products)


def test_a_model_that_hides_a_scalar_in_its_structure_is_refused():
    from flax import nnx

    class Hidden(nnx.Module):
        def __init__(self, slope):
            self.slope = slope

    def hidden(shape, outputs, *, slope=1.0, rngs):
        return Hidden(slope)

    with pytest.raises(padl.PadlError, match="keeps a Scalar"):
        run(build(objective(StaticPartial(hidden))), hp=hparams(model={"slope": 2.0}))


def test_updates_that_are_not_of_the_parameters_form_are_refused():
    import optax

    rule = optax.GradientTransformation(lambda p: (), lambda g, s, p=None: (jax.tree.map(lambda x: x.sum(), g), s))
    with pytest.raises(padl.PadlError, match="must be alike"):
        run(build(optimizer=lambda **_: rule))
