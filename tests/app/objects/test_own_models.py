"""A class, a function or an instance is a model: built with the sizes of a task, called as its layers want."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from own_things import CLASSES, Net

import padl
from padl.app import names
from padl.app.objects.models import builder
from padl.registry import StaticPartial, model
from padl.tasks.supervised import ModelPredictor
from padl.types import PadlError

STATS = {"mean": np.zeros((1, 3), np.float32), "std": np.ones((1, 3), np.float32)}
INPUTS = jax.random.normal(jax.random.key(0), (8, 3))


def predictor(thing, outputs=2, **hyperparameters):
    return ModelPredictor(StaticPartial(builder(thing), tuple(hyperparameters.items())), (3,), outputs)


def called(thing, key=None, outputs=2):
    made = predictor(thing, outputs)
    params, model_state = made.init(jax.random.key(1), {})
    return made(params, model_state, {}, INPUTS, STATS, key)


def written(signature, sizes=("din", "dout"), call="x", body=""):
    """A class with this signature, which keeps the sizes that it got."""
    variables = {"nnx": nnx, "seen": []}
    exec(
        f"class Model(nnx.Module):\n"
        f"    def __init__(self, {signature}, rngs):\n"
        f"        self.got = ({', '.join(sizes)})\n"
        f"        self.layer = nnx.Linear(3, 2, rngs=rngs)\n"
        f"    def __call__(self, {call}):\n"
        f"        {body}\n"
        f"        return self.layer(x)\n",
        variables,
    )
    return variables["Model"], variables["seen"]


@pytest.mark.parametrize(
    ("signature", "sizes", "got"),
    [
        ("din, dout, *", ("din", "dout"), (24, 5)),
        ("in_features, out_features, *", ("in_features", "out_features"), (24, 5)),
        ("features, num_classes, *", ("features", "num_classes"), (24, 5)),
        ("input_shape, outputs, *", ("input_shape", "outputs"), ((2, 4, 3), 5)),
        ("in_channels, dout, *", ("in_channels", "dout"), (3, 5)),
        ("outputs, inputs, *", ("outputs", "inputs"), (5, 24)),
        ("a, b, *", ("a", "b"), (24, 5)),
        ("a, b, /", ("a", "b"), (24, 5)),
        ("*, dout, din", ("din", "dout"), (24, 5)),
        ("", (), ()),
    ],
)
def test_a_class_gets_the_sizes_that_its_arguments_are_called_after(signature, sizes, got):
    cls, _ = written(signature.strip(), sizes) if signature else written("*", sizes)
    assert builder(cls)((2, 4, 3), 5, rngs=nnx.Rngs(0)).got == got


def test_what_is_keyword_only_and_says_nothing_is_asked_for():
    cls, _ = written("*, foo, bar", ("foo", "bar"))
    assert [each.required for each in builder(cls).hyperparameters.values()] == [True, True]


def test_a_partial_of_a_class_leaves_its_sizes_to_the_task_and_has_the_new_defaults():
    made = builder(partial(Net, hidden=7))
    assert (made.inputs, made.outputs, made.hyperparameters["hidden"].default) == ("din", "dout", 7)
    assert made((3,), 2, rngs=nnx.Rngs(0)).first.kernel.shape == (3, 7)


def test_dropout_draws_another_mask_at_each_step_the_same_for_the_same_key_and_none_in_evaluation():
    one, again, other = (called(Net, jax.random.key(k))[0] for k in (0, 0, 1))
    assert (one == again).all()
    assert not (one == other).all()
    assert (called(Net)[0] == called(Net)[0]).all()


def test_batch_statistics_and_counters_move_in_training_and_statistics_stay_in_evaluation():
    fresh = predictor(Net).init(jax.random.key(1), {})[1]
    trained, evaluated = called(Net, jax.random.key(0))[1], called(Net)[1]
    assert not (trained["norm.mean"] == fresh["norm.mean"]).all()
    assert (evaluated["norm.mean"] == fresh["norm.mean"]).all()
    assert trained["calls"] == 1


@pytest.mark.parametrize("argument", ["train", "training", "deterministic"])
def test_a_call_that_asks_is_told_whether_it_is_training(argument):
    cls, seen = written("din, dout, *", call=f"x, {argument}", body=f"seen.append({argument})")
    called(cls, jax.random.key(0))
    called(cls)
    assert seen == ([True, False] if argument != "deterministic" else [False, True])


def test_a_call_that_asks_gets_random_streams_of_the_step():
    class Noisy(nnx.Module):
        def __init__(self, din, dout, *, rngs):
            self.layer, self.drop = nnx.Linear(din, dout, rngs=rngs), nnx.Dropout(0.5)

        def __call__(self, x, rngs=None):
            return self.layer(self.drop(x, rngs=rngs))

    one, other = (called(Noisy, jax.random.key(k))[0] for k in (0, 1))
    assert not (one == other).all()


def test_a_run_leaves_an_instance_as_it_is_and_begins_with_its_parameters():
    instance = Net(3, 2, rngs=nnx.Rngs(5))
    before = jax.tree.map(np.array, nnx.to_pure_dict(nnx.state(instance, nnx.Param)))
    params, _ = predictor(instance).init(jax.random.key(9), {})
    called(instance, jax.random.key(0))
    after = nnx.to_pure_dict(nnx.state(instance, nnx.Param))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), before, after))
    assert (params["first.kernel"] == before["first"]["kernel"]).all()
    assert nnx.state(instance, nnx.Variable)["calls"][...] == 0


def test_two_copies_of_one_instance_are_equal_and_another_start_or_rate_is_not():
    one, same, start, rate = (
        builder(Net(3, 2, rate=r, rngs=nnx.Rngs(seed))) for seed, r in ((0, 0.5), (0, 0.5), (1, 0.5), (0, 0.4))
    )
    assert one == same
    assert hash(one) == hash(same)
    assert one != start
    assert one != rate


def test_rows_of_one_number_are_a_column_of_outputs():
    class One(nnx.Module):
        def __init__(self, din, *, rngs):
            self.layer = nnx.Linear(din, 1, rngs=rngs)

        def __call__(self, x):
            return self.layer(x)[:, 0]

    assert called(One, outputs=1)[0].shape == (8, 1)


def test_what_is_sown_for_a_reader_is_left_out_of_the_state():
    class Sows(nnx.Module):
        def __init__(self, din, dout, *, rngs):
            self.layer = nnx.Linear(din, dout, rngs=rngs)

        def __call__(self, x):
            self.seen = nnx.Intermediate(x)
            return self.layer(x)

    assert called(Sows)[1] == {}


class Broken(nnx.Module):
    def __init__(self, din, dout, *, rngs):
        self.layer = nnx.Linear(din, dout, rngs=rngs)


class Makes(Broken):
    def __call__(self, x):
        self.last = nnx.Variable(x)
        return self.layer(x)


class Wide(Broken):
    def __call__(self, x):
        return self.layer(jnp.concatenate([x, x], 1))


class Pair(Broken):
    def __call__(self, x):
        return self.layer(x), 1


class Branches(Broken):
    def __call__(self, x):
        return self.layer(x if x.sum() > 0 else -x)


class Keeps(Broken):
    def __init__(self, din, dout, *, rngs):
        super().__init__(din, dout, rngs=rngs)
        object.__setattr__(self, "scale", jnp.ones(dout))

    def __call__(self, x):
        return self.layer(x) * self.scale


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (Makes, "makes or reshapes 'last' as it is called"),
        (Wide, r"cannot be called with inputs \(8, 3\): TypeError: dot_general"),
        (Pair, "gives something of type tuple"),
        (Broken, "cannot be called with inputs"),
        (lambda inputs, outputs, rngs: 3, "built something of type int"),
    ],
)
def test_a_model_that_cannot_be_trained_is_one_line(thing, line):
    with pytest.raises(PadlError, match=line):
        called(thing)


def test_an_array_that_flax_takes_for_no_state_is_named():
    with pytest.raises(PadlError, match="keeps an array as it is, in 'scale'"):
        called(Keeps)


@pytest.mark.parametrize(
    ("home", "whose"),
    [("torch.nn.modules", "PyTorch's"), ("equinox._module", "Equinox's"), ("flax.linen.module", "of flax.linen")],
)
def test_a_module_of_another_framework_is_refused_by_its_name(home, whose):
    cls = type("Theirs", (), {"__module__": home, "__call__": lambda self, x: x})
    for thing in (cls, cls()):
        with pytest.raises(PadlError, match=rf"Theirs \({whose}"):
            builder(thing)


@pytest.mark.parametrize(
    "wrong", [3, [1], np.zeros(3), {"hidden": 3}, {"name": Net, "depth": 3}, {"name": Net, "label": 3}]
)
def test_what_is_no_model_is_one_line_and_nothing_is_left_out_in_silence(wrong):
    with pytest.raises(PadlError) as error:
        padl.train(task=CLASSES, model=wrong)
    assert "\n" not in str(error.value)


def test_a_class_is_registered_as_it_is_and_has_its_name_and_hyperparameters(padl_command, monkeypatch):
    monkeypatch.setattr(model, "_entries", dict(model._entries))
    names.load()

    @model(family="mine")
    class Tower(Net):
        """A tower."""

    found = names.of("model").get("Tower")
    assert found.summary == "A tower."
    assert {name: each.default for name, each in found.hyperparameters.items()} == {"hidden": 4, "rate": 0.5}
    by_name, by_class = (names.part("model", thing) for thing in ("Tower", Tower))
    assert by_name.choice == by_class.choice
    assert by_name.config == {"name": "Tower", "hidden": 4, "rate": 0.5}
    for words in (("list", "model"), ("show", "Tower")):
        code, out, _ = padl_command(*words)
        assert code == 0
        assert "Tower" in out
        assert "hidden" in out
