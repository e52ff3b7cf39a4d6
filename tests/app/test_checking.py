"""What is meant by a name, a file, a package or a function, and how it is made: settings, exemptions, bad input."""

import sys

import optax
import pytest

import padl
from padl import plugins, registry
from padl.app import checking, names
from padl.app.checking import subjects
from padl.types import PadlError

FILE = """
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise

@optimizer(family="mine", exempt={exempt})
def {name}(learning_rate: ScalarOrSchedule = 0.1, slope: Scalar = 2.0, form: str = "up"):
    return descend(leafwise(lambda p: (), lambda g, s, p, t: (slope * g, ())), learning_rate)
"""
PLAIN = """
import optax

def plain(learning_rate, b=0.5, n=3, flag=True):
    return optax.sgd(learning_rate, b)
"""


@pytest.fixture
def file_of(tmp_path, names_are_forgotten):
    """Write a file that registers an optimizer."""

    def write(name="slope_descent", exempt="{}"):
        file = tmp_path / f"file_of_{name}.py"
        file.write_text(FILE.replace("{name}", name).replace("{exempt}", exempt))
        return file

    return write


def only_of(thing, settings=None):
    (subject,) = subjects(thing, settings)
    return subject


def test_a_registered_name_is_found_with_its_kind_and_without():
    for word in ("lion", "optimizer:lion"):
        subject = only_of(word)
        assert (subject.kind, subject.label, subject.origin) == ("optimizer", "lion", "padl")
    assert set(only_of("lion").checked.own_numbers) == {"learning_rate", "b1", "b2", "weight_decay"}


def test_a_file_gives_all_that_it_registers_and_code_that_loads_it(file_of):
    file = file_of()
    subject = only_of(str(file))
    assert subject.label == "slope_descent"
    assert str(file) in subject.checked.code
    assert only_of(str(file.parent)).label == "slope_descent"  # the folder too
    assert only_of(f"{file}:slope_descent").kind == "optimizer"
    assert only_of("slope_descent").label == "slope_descent"  # known by its name from now on


def test_a_function_that_makes_an_optax_transformation_has_its_floats_as_numbers(tmp_path):
    file = tmp_path / "file_with_a_plain_rule.py"
    file.write_text(PLAIN)
    for word in (f"{file}:plain", f"{file.stem}:plain"):
        rule = only_of(word).checked
        assert rule.numbers == {"learning_rate": 1e-3, "b": 0.5}
        assert rule.stated == {"learning_rate": 1e-3}
    assert str(file.parent) not in sys.path


def test_optax_rules_are_found_and_settings_are_numbers_or_choices():
    rule = only_of("optax:lion", {"b1": 0.8, "mu_dtype": "bfloat16"}).checked
    assert rule.numbers == {"learning_rate": 1e-3, "b1": 0.8, "b2": 0.99, "weight_decay": 1e-3}
    assert rule.call == "optax.lion(, mu_dtype='bfloat16'"
    assert only_of(optax.contrib.muon).checked.numbers["beta"] == 0.95
    assert (
        only_of("optax:adam", {"learning_rate": 1, "b1": 0}).checked.numbers["b1"] == 0.0
    )  # whole numbers are data too
    assert only_of(optax.sgd(0.1)).checked.numbers == {}


def test_what_a_plain_rule_needs_is_what_it_fails_without():
    assert only_of("optax:adam").checked.needs == set()
    assert {"value", "grad", "value_fn"} == only_of("optax:lbfgs").checked.needs


def test_settings_of_an_entry_are_in_the_code_of_its_cases():
    rule = only_of("adamw", {"weight_decay": 0.2, "decay_kind": "cautious"}).checked
    assert rule.numbers["weight_decay"] == 0.2
    assert rule.call == "padl.optimizer('adamw', decay_kind='cautious'"
    assert rule.stated == {"weight_decay": 0.2}
    assert checking.settings_of(["b1=1e-3", "name=lion", "flag=true"]) == {"b1": 1e-3, "name": "lion", "flag": True}


def test_a_report_lists_outcomes_and_raises_only_where_it_is_asked_to():
    report = padl.check(lambda learning_rate=0.1: optax.scale(learning_rate), only=["downhill", "state_form"])
    assert [(each.check.name, each.status) for each in report] == [("state_form", "pass"), ("downhill", "fail")]
    assert "downhill  fail  its first update goes uphill" in repr(report)
    with pytest.raises(AssertionError, match="downhill fails: its first update goes uphill"):
        report.raise_failures()
    padl.check("sgd", only="downhill").raise_failures()


def test_an_exemption_from_what_is_no_check_is_refused(file_of):
    with pytest.raises(PadlError, match="exempt from 'update_dtyp', which is no check; did you mean 'update_dtype'"):
        subjects(str(file_of("misspelt", "{'update_dtyp': 'why'}")))


def test_an_exemption_that_passes_is_a_failure(file_of):
    (outcome,) = padl.check(str(file_of("exempt_rule", "{'downhill': 'why'}")), only="downhill")
    assert outcome.status == "fail"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("adm", "nothing is called 'adm'; did you mean 'adam'"),
        ("optax.lion", "a function of a module is optax:lion"),
        ("optax:lino", "optax has no 'lino'; did you mean 'lion'"),
        ("nothing_of_this_name:f", "there is no such module"),
        ("optimizer:adm", "no optimizer 'adm'; did you mean 'adam'"),
        ("linear", "'linear' is a model and a schedule: say which, as model:linear or schedule:linear"),
        ("nix.py", "there is no file nix.py"),
        ("optax:apply_updates", "optax:apply_updates has no default for params"),
        ("optax:contrib.sophia", "every update raises ValueError: obj_fn must be provided"),
        ("optax:global_norm", "has no default for updates"),
    ],
)
def test_what_there_is_not_is_refused_in_a_line(word, line):
    with pytest.raises(PadlError, match=line):
        subjects(word)


def test_an_installed_plugin_gives_all_that_it_registers(names_are_forgotten, monkeypatch):
    with registry.origin("my-plugin 1.0"):
        for name in ("plugin_one", "plugin_two"):
            registry.optimizer(name=name)(lambda learning_rate=0.1: optax.sgd(learning_rate))
    found = (plugins.Plugin("my-plugin 1.0", ""), plugins.Plugin("other-plugin 2.0", "ImportError: no"))
    monkeypatch.setattr(names, "load", lambda: found)
    assert [subject.label for subject in subjects("my_plugin")] == ["plugin_one", "plugin_two"]
    with pytest.raises(PadlError, match="several things: settings are of one"):
        subjects("my-plugin", {"learning_rate": 0.2})
    with pytest.raises(PadlError, match=r"other-plugin 2\.0 cannot be loaded: ImportError: no"):
        subjects("other-plugin")


def test_a_file_that_fails_or_registers_nothing_is_refused_in_a_line(tmp_path):
    (tmp_path / "fails.py").write_text("import nothing_of_this_name")
    with pytest.raises(PadlError, match=r"fails.py cannot be loaded: .*No module named 'nothing_of_this_name'"):
        subjects(str(tmp_path / "fails.py"))
    (tmp_path / "empty.py").write_text("def rule(): ...")
    with pytest.raises(PadlError, match=r"empty.py registers nothing: put @padl.registry.optimizer\(\) above"):
        subjects(str(tmp_path / "empty.py"))
    with pytest.raises(PadlError, match="rule makes no Optax transformation, but something of type NoneType"):
        subjects(f"{tmp_path / 'empty.py'}:rule")


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"b3": 0.1}, "optimizer 'adam' has no 'optimizer.b3'"),
        ({"b1": 2.0}, r"optimizer.b1=2.0 is outside its domain \[0, 1\)"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, line):
    with pytest.raises(PadlError, match=line):
        subjects("adam", settings)


def test_names_of_checks_are_looked_at_and_an_oracle_has_its_own():
    with pytest.raises(PadlError, match="no check or group 'descend'; did you mean 'descends'"):
        padl.check("sgd", only="descend")
    with pytest.raises(PadlError, match="the check oracle compares with a file"):
        padl.check("sgd", only="oracle")
    assert {each.check.group for each in padl.check("sgd", only="behaviour")} == {"behaviour"}
