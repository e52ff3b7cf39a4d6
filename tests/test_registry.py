"""Names, signatures as schemas, and plugins."""

import importlib
import inspect
import pickle
import pydoc
from collections.abc import Mapping
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import padl
from padl import argument_domains, plugins, registry
from padl.coercion import coerce
from padl.registry import Entry, Registry, StaticPartial, signature
from padl.types import KINDS, Domain, PadlError, Scalar, ScalarOrSchedule


def example(rate: Scalar = 0.1, count: int = 2, mode: Literal["a", "b"] = "a", off: Scalar | None = None):
    """An example."""
    return rate, count, mode, off


def entry(function=example, name="example", origin="here") -> Entry:
    return Entry("optimizer", name, function, "", "", origin)


def test_what_the_decorator_gives_back_is_what_is_registered_with_signature_text_and_source():
    registered = Registry("optimizer")
    given_back = registered(family="x")(example)
    assert given_back is registered.get("example").function
    assert inspect.signature(given_back) == inspect.signature(example)
    assert (given_back.__doc__, given_back.__qualname__) == (example.__doc__, example.__qualname__)
    assert inspect.getsource(given_back) == inspect.getsource(example)


def test_a_registered_function_survives_pickling():
    assert pickle.loads(pickle.dumps(padl.optimizers.adam)) is padl.optimizers.adam


def test_a_class_is_registered_as_it_is():
    class Net(nnx.Module):
        pass

    assert Registry("model")()(Net) is Net


def test_help_shows_what_is_traced_and_where_it_may_lie():
    text = pydoc.plain(pydoc.render_doc(padl.losses.smooth_l1))
    assert " at 0x" not in text
    assert "traced, in [0, inf)] = 1.0" in text


DIRECT = [  # (a call, the kind and name it is by name, what is wrong)
    (lambda: padl.optimizers.adam(-1.0), "optimizer", "adam", {"learning_rate": -1.0}),
    (lambda: padl.optimizers.adam(b1=1.5), "optimizer", "adam", {"b1": 1.5}),
    (lambda: padl.optimizers.adam(1e-3, 0.9, float("nan")), "optimizer", "adam", {"b2": float("nan")}),
    (lambda: padl.optimizers.adam("fast"), "optimizer", "adam", {"learning_rate": "fast"}),
    (lambda: padl.optimizers.adam(np.float32(0)), "optimizer", "adam", {"learning_rate": np.float32(0)}),
    (lambda: padl.losses.huber(ONES, ONES, delta=-1), "loss", "huber", {"delta": -1}),
    (lambda: padl.models.mlp((4,), 2, widths=(0,), rngs=nnx.Rngs(0)), "model", "mlp", {"widths": (0,)}),
    (lambda: padl.models.mlp((4,), 2, activation="tan", rngs=nnx.Rngs(0)), "model", "mlp", {"activation": "tan"}),
    (lambda: padl.schedules.cosine(0.5, final=2.0), "schedule", "cosine", {"final": 2.0}),
    (lambda: padl.tasks.permeability(rows=1), "task", "permeability", {"rows": 1}),
    (lambda: padl.tasks.permeability(100, -0.5), "task", "permeability", {"noise": -0.5}),
]
ONES = np.ones(3, np.float32)


@pytest.mark.parametrize(("call", "kind", "name", "wrong"), DIRECT, ids=lambda x: x if isinstance(x, str) else "")
def test_a_direct_call_refuses_a_number_in_the_words_of_a_call_by_name(call, kind, name, wrong):
    with pytest.raises(PadlError) as direct:
        call()
    with pytest.raises(PadlError) as by_name:
        getattr(padl, kind)(name, **wrong)
    assert str(direct.value) == str(by_name.value)
    assert next(iter(wrong)) in str(direct.value)


def test_a_direct_call_of_a_plugins_function_looks_at_its_numbers():
    given = []

    @Registry("optimizer")()
    def own(learning_rate: ScalarOrSchedule = 0.1, power: Annotated[Scalar, Domain(0.0, 1.0)] = 0.5):
        given.append((learning_rate, power))
        return optax.sgd(learning_rate)

    own(1, power=1)
    assert given == [(1.0, 1.0)]
    with pytest.raises(PadlError, match=r"optimizer.power=2.0 is outside its domain \[0, 1\]"):
        own(power=2)


@pytest.mark.parametrize("outside", [jnp.float32(-1), np.array(-1.0), nnx.Param(jnp.float32(-1))])
def test_an_array_is_taken_as_it_is(outside):
    padl.optimizers.sgd(outside)
    assert padl.schedules.linear(0.5, final=outside) == pytest.approx(0.0)


def test_hyperparameters_may_be_traced_and_vectors_under_vmap():
    losses = jax.vmap(lambda delta: padl.losses.huber(ONES, 0 * ONES, delta=delta))(jnp.array([-1.0, 1.0]))
    np.testing.assert_allclose(losses, [-1.5, 0.5])  # outside of the domain, and not looked at

    def first_step(rate):
        tx = padl.optimizers.adam(rate, b1=rate)
        return tx.update(ONES, tx.init(ONES))[0]

    np.testing.assert_allclose(jax.jit(first_step)(0.5), -0.5 * ONES, rtol=1e-4)


def test_a_warm_up_from_zero_goes_through_optaxs_inject_hyperparams():
    warm_up = optax.linear_schedule(0.0, 1e-3, 10)
    tx = optax.inject_hyperparams(padl.optimizers.adam)(learning_rate=warm_up)
    updates, _ = tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
    np.testing.assert_array_equal(updates, 0.0)


@pytest.mark.parametrize("shape", [padl.schedules.cosine, padl.schedule("cosine", final=0.1)])
@pytest.mark.parametrize("make", [padl.optimizers.adam, lambda rate: padl.optimizer("adam", learning_rate=rate)])
def test_a_schedule_of_the_fraction_is_no_learning_rate_of_the_step(shape, make):
    with pytest.raises(
        PadlError, match=r"takes the fraction of training: padl.schedules.over\(padl.schedule\('cosine'\)"
    ):
        make(shape)


@pytest.mark.parametrize("words", [{"targets": "real"}, {"targets": "values", "predictions": "reals"}])
def test_a_loss_that_declares_an_argument_by_a_word_there_is_not_is_refused_as_it_is_registered(words):
    kept = Registry("loss")
    with pytest.raises(
        PadlError, match=r"loss 'example': no (targets='real'|predictions='reals'): @loss takes one of values"
    ):
        kept(**words)(example)
    assert kept.names() == []


def test_a_plugin_adds_a_word_of_its_own(monkeypatch):
    monkeypatch.setitem(argument_domains.TARGETS, "trees", "parse trees")
    Registry("loss")(targets="trees")(example)


def test_a_name_that_is_taken_raises_and_names_both_origins():
    kept = Registry("optimizer")
    kept.add(entry(origin="mine"))
    with pytest.raises(PadlError, match=r"'example'.*from mine.*from yours"):
        kept.add(entry(origin="yours"))


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(PadlError, match=r"no optimizer 'adm'; did you mean 'adam'\?"):
        padl.optimizer("adm")


def test_an_unknown_kind_suggests_the_nearest():
    with pytest.raises(PadlError, match="did you mean 'optimizer'"):
        padl.names("optimiser")


def test_scalars_are_data_and_the_rest_chooses_the_program():
    choice, scalars = entry().split({"rate": 1, "mode": "b"})
    assert scalars == {"rate": 1.0}
    assert choice == StaticPartial(example, (("count", 2), ("mode", "b"), ("off", None)))
    assert choice(rate=3.0) == (3.0, 2, "b", None)


def test_an_optional_scalar_is_data_when_it_is_given():
    assert entry().split({"off": 2})[1] == {"rate": 0.1, "off": 2.0}


def test_equal_choices_are_one_key_of_a_cache():
    assert hash(entry().split({"rate": 1.0})[0]) == hash(entry().split({"rate": 2.0})[0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rat": 1.0}, r"has no 'optimizer.rat'; did you mean 'rate'\?"),
        ({"rate": "fast"}, "optimizer.rate='fast' is not a number"),
        ({"rate": True}, "optimizer.rate=True is not a number"),
        ({"rate": None}, "optimizer.rate=None is not a number"),
        ({"count": 1.5}, "optimizer.count=1.5 is not a whole number"),
        ({"mode": "c"}, "optimizer.mode='c' is not one of a, b"),
        ({"off": "x"}, "optimizer.off='x' is not a number or null"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(given, message):
    with pytest.raises(PadlError, match=message):
        entry().check(given)


@pytest.mark.parametrize("value", [-0.1, 0.0, float("nan"), float("inf")])
def test_a_value_outside_its_domain_is_refused(value):
    with pytest.raises(PadlError, match=r"outside its domain \(0, inf\)"):
        padl.optimizer("sgd", learning_rate=value)


def test_a_plugin_gives_its_own_word_a_domain():
    def own(alpha: Annotated[Scalar, Domain(0.0, 1.0)] = 0.5): ...

    assert signature(own)["alpha"].traced
    with pytest.raises(PadlError, match=r"\[0, 1\]"):
        entry(own).check({"alpha": 2.0})


@pytest.mark.parametrize(
    ("value", "annotation", "result"),
    [
        (1e3, int, 1000),
        (1, float, 1.0),
        ([1, 2], tuple[int, ...], (1, 2)),
        ("all", int | Literal["all"] | None, "all"),
        (None, int | Literal["all"] | None, None),
        (jnp.float32(2), Scalar, jnp.float32(2)),
        ({"a": 1, 2: 3}, Mapping[str, float], {"a": 1.0, "2": 3.0}),
        ("{größe: b, 'a: b': c}", Mapping[str, Literal["b", "c"]], {"größe": "b", "a: b": "c"}),
    ],
)
def test_a_value_is_brought_into_its_type(value, annotation, result):
    assert coerce(value, annotation) == (True, result)


@pytest.mark.parametrize("value", [1, "a", "{a", "{a: d}", {"a": "d"}, {(1, 2): "b"}, ["b"]])
def test_what_is_no_mapping_of_its_kind_is_refused(value):
    assert coerce(value, Mapping[str, Literal["b", "c"]])[0] is False


def test_equal_mappings_are_equal_choices():
    of = lambda value: hash(coerce(value, Mapping[str, str])[1])  # noqa: E731
    assert of({"a": "b", "c": "d"}) == of({"c": "d", "a": "b"})
    assert of({"a": "b"}) != of({"a": "c"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_entry_says_what_it_is(kind):
    for name in padl.names(kind):
        found = registry.REGISTRIES[kind].get(name)
        assert found.summary.endswith((".", ":"))
        assert found.reference or kind == "schedule"
        assert all(h.default is not None or h.name for h in found.hyperparameters.values())


@pytest.mark.parametrize("kind", KINDS)
def test_every_default_lies_in_its_domain(kind):
    for found in (registry.REGISTRIES[kind].get(name) for name in padl.names(kind)):
        found.check(found.stand_ins)


def test_every_search_range_lies_in_its_domain():
    from padl.types import DOMAINS

    assert all(end in domain for domain in DOMAINS.values() for end in domain.search or ())


@pytest.mark.parametrize(
    ("ends", "says"),
    [
        ((1.0, 0.0), "holds no number"),
        ((0.0, 0.0, True), "holds no number"),
        ((float("nan"),), "holds no number"),
        ((0.0, 1.0, False, False, (0.5, 2.0)), "no part of"),
        ((0.0, 1.0, True, False, (0.0, 0.5)), "no part of"),
        ((0.0, 1.0, False, False, (0.5, 0.5)), "no part of"),
    ],
)
def test_a_domain_without_numbers_or_with_a_search_range_outside_is_refused_as_it_is_made(ends, says):
    with pytest.raises(PadlError, match=says):
        Domain(*ends)
    assert 0.0 in Domain(0.0, 0.0)


def test_the_functions_of_a_package_are_its_registered_names():
    assert padl.optimizers.adam is registry.optimizer.get("adam").function
    assert "huber" in dir(padl.losses)
    with pytest.raises(AttributeError, match="adamm"):
        _ = padl.optimizers.adamm


def test_a_loss_by_name_has_its_hyperparameters():
    loss = padl.loss("huber", delta=0.5)
    assert loss(jnp.array([2.0]), jnp.array([0.0])) == pytest.approx(0.5 * (2.0 - 0.25))


PLUGIN = """
from padl.registry import schedule
@schedule()
def {name}(fraction):
    "A plugin's."
    return fraction
"""


BRANCHES = """
from padl import optimizers, registry, types
@registry.optimizer()
def branches(momentum: types.Scalar = 0.1):
    return optimizers.momentum(0.1, momentum) if momentum > 0.5 else optimizers.sgd(0.1)
"""


@pytest.fixture
def registries_restored():
    before = {kind: dict(r._entries) for kind, r in registry.REGISTRIES.items()}
    yield
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries


OWN = """
from padl.registry import schedule
@schedule()
def {name}(fraction):
    "{text}"
    return fraction
"""


def run_as(module, source):
    """Run code as that of a module without a file: `__main__` is a prompt's."""
    exec(source, {"__name__": module})


@pytest.mark.usefixtures("registries_restored")
class TestRegisteringAgain:
    def test_a_name_from_the_prompt_is_replaced_with_a_line(self, capsys):
        run_as("__main__", OWN.format(name="own", text="First."))
        run_as("__main__", OWN.format(name="own", text="Second."))
        assert capsys.readouterr().err == "padl: schedule 'own' from __main__ is replaced\n"
        assert registry.schedule.get("own").summary == "Second."

    def test_a_module_that_is_reloaded_replaces_its_own(self, tmp_path, monkeypatch, capsys):
        (tmp_path / "tools_of_mine.py").write_text(OWN.format(name="own", text="First."))
        monkeypatch.syspath_prepend(str(tmp_path))
        tools = importlib.import_module("tools_of_mine")
        importlib.reload(tools)
        origin = f"tools_of_mine ({tmp_path / 'tools_of_mine.py'})"
        assert registry.schedule.get("own").origin == origin
        assert registry.schedule.get("own").function is tools.own
        assert capsys.readouterr().err == f"padl: schedule 'own' from {origin} is replaced\n"

    def test_another_function_of_the_same_module_is_refused(self):
        run_as("tools", OWN.format(name="own", text="First."))
        with pytest.raises(PadlError, match="schedule 'own' is there twice, one from tools, one from tools"):
            run_as("tools", OWN.format(name="other", text="Second.").replace("schedule()", "schedule(name='own')"))

    def test_another_module_is_refused_and_both_are_named(self):
        run_as("tools", OWN.format(name="own", text="First."))
        with pytest.raises(PadlError, match="one from tools, one from __main__: give one of them another name"):
            run_as("__main__", OWN.format(name="own", text="Second."))
        assert registry.schedule.get("own").summary == "First."

    def test_a_name_of_padls_is_refused(self):
        padl.names("schedule")
        with pytest.raises(PadlError, match="schedule 'cosine' is there twice, one from padl, one from __main__"):
            run_as("__main__", OWN.format(name="cosine", text="Mine."))

    def test_a_name_of_padls_that_was_taken_before_padls_own_was_there_is_given_back_and_told_once(self):
        kept = Registry("schedule")
        strange = Entry("schedule", "cosine", example, "", "", "this notebook")
        kept.add(strange)
        kept.add(Entry("schedule", "cosine", padl.schedules.cosine, "", "", "padl"))
        assert kept.get("cosine").origin == "padl"
        with pytest.raises(PadlError, match="one from padl, one from this notebook"):
            registry.check_refused()
        registry.check_refused()

    def test_an_error_in_code_from_the_prompt_names_its_line_and_whose_it_is(self):
        source = "from padl.registry import optimizer\n@optimizer()\ndef bad():\n    raise RuntimeError('oh')\n"
        exec(compile(source, "<stdin>", "exec"), {"__name__": "__main__"})
        with pytest.raises(PadlError) as refused:
            padl.train(task="surface", optimizer="bad", steps=2)
        line = "<stdin>:4, in bad: RuntimeError: oh (not PADL's own: optimizer 'bad' from __main__)"
        assert str(refused.value) == line

    def test_what_is_registered_outside_a_plugin_is_never_padls(self):
        @registry.schedule()
        def from_this_test(fraction):
            return fraction

        assert registry.schedule.get("from_this_test").origin == f"{__name__} ({__file__})"

    def test_padls_own_are_padls_whoever_imports_them(self):
        with registry.origin("a_plugin"):
            importlib.reload(padl.schedules)
        assert {entry.origin for entry in registry.schedule if entry.name in ("cosine", "wsd")} == {"padl"}


@pytest.mark.usefixtures("registries_restored")
class TestPlugins:
    def load(self, folder, monkeypatch):
        padl.names("schedule")
        monkeypatch.setattr(plugins, "folders", lambda: [folder])
        return {p.name.rpartition("/")[2]: p.broken for p in plugins.load.__wrapped__()}

    def test_a_drop_in_file_registers_with_its_origin(self, tmp_path, monkeypatch):
        (tmp_path / "mine.py").write_text(PLUGIN.format(name="mine"))
        assert self.load(tmp_path, monkeypatch)["mine.py"] == ""
        assert registry.schedule.get("mine").origin == f"{tmp_path.name}/mine.py"

    def test_drop_in_files_of_one_name_are_two_places(self, tmp_path, monkeypatch):
        for folder in ("a/plugins", "b/plugins"):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "mine.py").write_text(PLUGIN.format(name="mine"))
        monkeypatch.setattr(plugins, "folders", lambda: [tmp_path / "a/plugins", tmp_path / "b/plugins"])
        padl.names("schedule")
        assert ["twice" in plugin.broken for plugin in plugins.load.__wrapped__()][-2:] == [False, True]

    def test_a_module_of_others_that_a_plugin_imports_is_not_the_plugins(self, tmp_path, monkeypatch):
        (tmp_path / "plugins").mkdir()
        (tmp_path / "library_of_others.py").write_text(PLUGIN.format(name="theirs"))
        text = "import library_of_others\n" + PLUGIN.format(name="mine")
        (tmp_path / "plugins" / "mine.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        assert self.load(tmp_path / "plugins", monkeypatch)["mine.py"] == ""
        origins = {entry.name: entry.origin for entry in registry.schedule}
        assert origins["theirs"] == f"library_of_others ({tmp_path / 'library_of_others.py'})"
        assert origins["mine"] == "plugins/mine.py"

    def test_what_a_plugin_registers_later_is_still_its_own(self, tmp_path, monkeypatch):
        text = PLUGIN.format(name="mine") + "\ndef more():\n    schedule(name='more')(lambda fraction: fraction)\n"
        (tmp_path / "later.py").write_text(text)
        self.load(tmp_path, monkeypatch)
        importlib.import_module("padl_plugin_later").more()
        assert registry.schedule.get("more").origin == f"{tmp_path.name}/later.py"

    def test_a_broken_plugin_is_kept_with_its_reason_and_stops_nothing(self, tmp_path, monkeypatch):
        (tmp_path / "a.py").write_text(PLUGIN.format(name="half") + "\nraise SystemExit('gone')")
        (tmp_path / "b.py").write_text(PLUGIN.format(name="whole"))
        found = self.load(tmp_path, monkeypatch)
        assert found["a.py"] == f"{tmp_path / 'a.py'}:8: SystemExit: gone"
        assert found["b.py"] == ""
        assert "whole" in registry.schedule.names()
        assert "half" not in registry.schedule.names()

    def test_a_plugin_cannot_take_a_name_of_padl(self, tmp_path, monkeypatch):
        (tmp_path / "a.py").write_text(PLUGIN.format(name="cosine"))
        assert "one from padl, one from" in self.load(tmp_path, monkeypatch)["a.py"]

    def test_a_folder_that_is_not_there_is_reported(self, tmp_path, monkeypatch):
        assert "no folder" in next(iter(self.load(tmp_path / "gone", monkeypatch).values()))

    def test_an_installed_package_registers_by_its_entry_point(self, tmp_path, monkeypatch):
        (tmp_path / "stranger.py").write_text(PLUGIN.format(name="installed"))
        (tmp_path / "stranger-1.0.dist-info").mkdir()
        (tmp_path / "stranger-1.0.dist-info" / "METADATA").write_text("Name: stranger\nVersion: 1.0\n")
        (tmp_path / "stranger-1.0.dist-info" / "entry_points.txt").write_text("[padl.plugins]\nany = stranger\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        assert self.load(tmp_path / "gone", monkeypatch)["stranger 1.0"] == ""
        assert registry.schedule.get("installed").origin == "stranger 1.0"

    def test_a_rule_that_branches_on_a_traced_value_is_named(self, tmp_path, monkeypatch):
        (tmp_path / "branch.py").write_text(BRANCHES)
        self.load(tmp_path, monkeypatch)
        with pytest.raises(PadlError, match=r"branch\.py:5.* by the value of optimizer\.momentum: use jnp\.where"):
            padl.train(task="surface", optimizer="branches", steps=2)

    def test_the_current_folder_is_not_searched(self, tmp_path, monkeypatch):
        (tmp_path / "plugins").mkdir()
        monkeypatch.chdir(tmp_path)
        assert tmp_path / "plugins" not in plugins.folders()

    def test_named_folders_are_searched(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PADL_PLUGINS", str(tmp_path))
        assert tmp_path in plugins.folders()


def test_the_worked_plugin_trains():
    record = padl.train(optimizer={"name": "powersign", "learning_rate": 1e-4}, task="surface", steps=50)
    assert record.summary["final"]["loss"] < 6.25  # the height of its start
