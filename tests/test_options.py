"""No hyperparameter does nothing: of every item of every kind, plugins too, each is changed, and something follows.

What follows is looked at where the item works: an optimizer's course, a model's outputs, a task's rows, split,
objective and loss. Losses are looked at in tests/losses/test_loss_options.py, schedules by `padl.conformance`. An item
that has a hyperparameter which changes no value says so where it is registered, in its trait `same_value`.
"""

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from perturbed import WORDS, as_data, other_values

from padl.app import names
from padl.app.run_spec import check
from padl.data.source import Data
from padl.optimizers.transformation import needs_of, readout_of
from padl.registry import Entry, StaticPartial
from padl.types import Kind, PadlError

Look = Callable[[Mapping[str, Any]], Any]  # {hyperparameter: value} -> what follows, to be compared with `same`


def hyperparameters(kind: Kind) -> list[Any]:
    return [
        pytest.param(entry, name, id=f"{entry.name}-{name}")
        for entry in names.of(kind)
        for name in entry.hyperparameters
        if name not in entry.traits.get("same_value", {})
    ]


def same(a: Any, b: Any) -> bool:
    """Whether two things are equal, arrays to the bit."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (tuple, list)) and isinstance(b, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (np.ndarray, jax.Array)) or isinstance(b, (np.ndarray, jax.Array)):
        a, b = np.asarray(a), np.asarray(b)
        return (a.shape, a.dtype) == (b.shape, b.dtype) and a.tobytes() == b.tobytes()
    return bool(a == b)


def does_something(entry: Entry, name: str, look: Look, base: Mapping[str, Any] | None = None, words=WORDS) -> bool:
    """Whether any other value of a hyperparameter is followed by something else; or is refused, by name, where none
    that is taken is."""
    base, hyperparameter = dict(base or {}), entry.hyperparameters[name]
    hyperparameter = hyperparameter._replace(default=base.get(name, hyperparameter.default))
    before, refused = look(base), False
    values = other_values(hyperparameter, words)
    assert values, f"no other value of {name} is known: {hyperparameter.annotation}"
    for value in values:
        try:
            if not same(before, look({**base, name: value})):
                return True
        except PadlError as error:
            refused |= name in str(error) or isinstance(value, bool)  # a switch has but one other position
    return refused


# Optimizers

PARAMS = {"w": jnp.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]]), "b": jnp.array([0.5, -0.25, 2.0])}


STARTS = {  # by what a rule reads, or a hyperparameter is of
    "": PARAMS,
    "model_state": {name: {"kernel": PARAMS["w"]} for name in ("query", "key")},  # three heads of one feature
    "embedding_radius": {"embedding": PARAMS["w"]},
    "head_radius": {"head": PARAMS["w"]},
}
RECORDED = {"largest_logits": jnp.array([200.0, 120.0, 1.0])}
STEPS = 6  # radam scales nothing in its first four
BOTTOMS = np.random.default_rng(0).normal(size=(STEPS, 3)).astype(np.float32) * 4


def height(params, t):
    bottom = jnp.asarray(BOTTOMS)[t]
    return sum(jnp.sum(jnp.square(x - jnp.broadcast_to(bottom, x.shape))) / 2 for x in jax.tree.leaves(params))


def walk(entry: Entry, start: str, values: Mapping[str, Any]) -> Any:
    """Where each of some steps leads, down a bowl of its own, what is judged there, and in what dtypes the state is."""
    choice, numbers = entry.split({**entry.stand_ins, **entry.traits.get("shown_at", {}), **values})
    leaves, structure = jax.tree.flatten(numbers)
    start = "model_state" if "model_state" in needs_of(choice(**numbers)) else start
    return course(choice, structure, tuple(leaves), start)


@cache
def course(choice: StaticPartial, structure: Any, leaves: tuple[float, ...], start: str) -> Any:
    """As `walk`; that of the defaults is shared by the tests of all hyperparameters of a rule."""
    numbers, path = jax.tree.unflatten(structure, map(jnp.float32, leaves)), []
    params, state = STARTS[start], choice(**numbers).init(STARTS[start])
    advance = compiled(choice) if slow_one_by_one(choice, numbers, params) else partial(step, choice)
    for t in range(STEPS):
        params, state, judged = advance(numbers, params, state, t)
        path.append((params, judged))
    return path, [x.dtype for x in jax.tree.leaves(state)]


def step(choice, numbers, params, state, t):
    """One step of an optimizer whose hyperparameters are data: new parameters, its state, what is judged."""
    made = choice(**numbers)
    value, grad = jax.value_and_grad(height)(params, t)
    extras = {"value_fn": partial(height, t=t), "grad_fn": partial(jax.grad(height), t=t), "key": jax.random.key(t)}
    extras = {**extras, "value": value, "grad": grad, "model_state": RECORDED}
    update = optax.with_extra_args_support(made).update
    updates, state = update(grad, state, params, **extras)
    params = optax.apply_updates(params, updates)
    return params, state, readout_of(made)(state, params)


@cache
def compiled(choice: StaticPartial) -> Callable[..., Any]:
    return jax.jit(partial(step, choice))


SLOW: dict[Any, bool] = {}  # by the function of a rule: courses that are compared are made in one way


def slow_one_by_one(choice: StaticPartial, numbers: Any, params: Any) -> bool:
    """Whether the operations of a step take longer one by one than as a program: derivatives, branches, loops."""
    if choice.function not in SLOW:
        made = choice(**numbers)
        program = jax.make_jaxpr(partial(step, choice))(numbers, params, made.init(params), 0)
        loops = any(f" {each}[" in str(program) for each in ("cond", "while", "scan"))
        SLOW[choice.function] = bool(needs_of(made) & {"value_fn", "grad_fn"}) or loops
    return SLOW[choice.function]


BESIDE = {  # of some, what makes them matter: a decay that by default may be 0, an eps that is seen, a schedule
    "decay_kind": {"weight_decay": 0.1},
    "convention": {"learning_rate": lambda count: 0.1 / (1 + count), "eps": 0.01},
    "rate_power": {"learning_rate": lambda count: 0.1 * (1 + count)},
}


@pytest.mark.parametrize(("entry", "name"), hyperparameters("optimizer"))
def test_every_hyperparameter_of_an_optimizer_changes_its_course(entry, name):
    base = {k: v for k, v in BESIDE.get(name, {}).items() if k in entry.hyperparameters}
    assert does_something(entry, name, partial(walk, entry, name if name in STARTS else ""), base)


# Models

SHAPES = ((6, 6, 1), (6, 8, 1), (16, 4), (5,))  # of an input: an image, a line, frames, features


def outputs(entry: Entry, values: Mapping[str, Any]) -> Any:
    """The arrays of a model and what it gives, in training, for the first shape of inputs that it takes."""
    scalars = {k: as_data(entry.hyperparameters[k], v) for k, v in entry.check(values).items()}
    for shape in SHAPES:
        try:
            model = entry.function(shape, 3, rngs=nnx.Rngs(0), **scalars)
        except PadlError:
            continue
        state = [np.shape(x) for x in jax.tree.leaves(nnx.state(model))]
        return state, model(jnp.linspace(-1, 1, 2 * int(np.prod(shape))).reshape(2, *shape), jax.random.key(0))
    raise AssertionError(f"model '{entry.name}' takes none of {SHAPES}")


@pytest.mark.parametrize(("entry", "name"), hyperparameters("model"))
def test_every_hyperparameter_of_a_model_changes_its_outputs(entry, name):
    assert does_something(entry, name, partial(outputs, entry))


# Tasks

QUIET = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none", "steps": 2, "optimizer": "sgd"}
SMALL = {"rows": 40, "size": 16}  # where a task draws its rows
COLUMNS = "number,gap,price,colour,day,patient,time,side,class"
SIGNS = (*COLUMNS.split(","), ",", ".", "space", "semicolon", "latin-1", "7")


@pytest.fixture(scope="module")
def own_data(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """Tasks of a user's own data: {name: where they are, and what a table needs to be read at all}."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    lines = [
        f"{rng.normal():.3f},{'' if i % 9 == 4 else i % 8},{1000 + i},{'red' if i % 3 else 'blue'},"
        f"2026-01-{1 + i % 28:02},p{i % 12},{i},{'held_out' if i % 4 == 0 else 'train'},{i % 2}"
        for i in range(48)
    ]
    (folder / "table.csv").write_text("\n".join([COLUMNS, *lines]) + "\n")
    for i in range(16):
        (folder / "images" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (20, 20, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "images" / "ab"[i % 2] / f"{i}.png")
    (folder / "arrays").mkdir()
    np.save(folder / "arrays" / "inputs.npy", rng.normal(size=(24, 3)).astype(np.float32))
    np.save(folder / "arrays" / "targets.npy", np.arange(24) % 2)
    return {
        "csv": {"path": str(folder / "table.csv"), "missing": "drop", "dates": "days"},
        "image_folder": {"path": str(folder / "images"), "size": 16},
        "array_files": {"path": str(folder / "arrays")},
    }


@cache
def fact(name: str, depth: int, values: tuple[tuple[str, Any], ...]) -> Any:
    """What a task with these hyperparameters is, what is learned, or what a step changes: the cheap first."""
    model = names.find("task", name).traits.get("model")
    model = None if model is None else {"name": model, **small(names.find("model", model))}
    spec = check({"task": {"name": name, **dict(values)}, "model": model, **QUIET})
    task = spec.task
    if depth == 0:
        sides = list(map(np.asarray, jax.tree.leaves(spec.split)))
        return task.digest, sides, task.fits, task.metrics, dict(task.about)
    if depth == 1:
        return repr(spec.experiment.objective)
    init, step = programs(spec.experiment)
    state, metrics = step(init(jax.random.key(0), spec.hparams), spec.hparams, Data(dict(task.rows), spec.split))
    return state.params, metrics


@cache
def programs(experiment):
    """Those of equal experiments, whose hyperparameters are data."""
    return jax.jit(experiment.init), jax.jit(experiment.step)


def small(model: Entry) -> dict[str, Any]:
    return {key: value for key, value in {"widths": (4,), "channels": (2,)}.items() if key in model.hyperparameters}


@pytest.mark.parametrize(("entry", "name"), [p for p in hyperparameters("task") if p.values[1] != "path"])
def test_every_hyperparameter_of_a_task_changes_its_data_its_split_or_what_is_learned(entry, name, own_data):
    base = {key: value for key, value in SMALL.items() if key in entry.hyperparameters} | own_data.get(entry.name, {})
    looks = (lambda values, depth=depth: fact(entry.name, depth, tuple(values.items())) for depth in range(3))
    assert any(does_something(entry, name, look, base, SIGNS) for look in looks)
