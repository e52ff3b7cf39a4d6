"""Drop-in files that import files beside them: which are found, whose their names are, and what is said of mistakes."""

import importlib
from types import SimpleNamespace

import pytest

import padl
from padl import plugins, registry
from padl.app.fingerprint import of_all
from padl.app.run_spec import check

RULE = """
from padl import optimizers, registry, types
@registry.optimizer()
def {name}(learning_rate: types.ScalarOrSchedule = 0.1):
    "Of {name}.py."
    return optimizers.sgd(learning_rate)
"""


@pytest.fixture(autouse=True)
def registries_restored():
    padl.names("optimizer")
    before = {kind: dict(r._entries) for kind, r in registry.REGISTRIES.items()}
    yield
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Return a function: write files, {name: text}, load them as plugins, and tell which are broken, {name: why}."""

    def load(files: dict[str, str], folder: str = "mine") -> dict[str, str]:
        (tmp_path / folder).mkdir()
        for name, text in files.items():
            (tmp_path / folder / name).write_text(text)
        monkeypatch.setattr(plugins, "folders", lambda: [tmp_path / folder])
        own = [each for each in plugins.load.__wrapped__() if each.name.startswith(f"{folder}/")]
        return {each.name.removeprefix(f"{folder}/"): each.broken for each in own}

    return load


def origins(*names: str) -> list[str]:
    return [registry.optimizer.get(name).origin for name in names]


def test_a_helper_file_is_imported_by_its_name_and_is_no_plugin(loaded):
    files = {"a_rule.py": "from _rules_shared import RATE\n" + RULE, "_rules_shared.py": "RATE = 0.5\n"}
    assert loaded({**files, "a_rule.py": files["a_rule.py"].format(name="a_rule")}) == {"a_rule.py": ""}
    assert origins("a_rule") == ["mine/a_rule.py"]


def test_tests_beside_a_drop_in_are_no_plugins(loaded):
    files = {"test_rule.py": "import not_there", "conftest.py": "import not_there"}
    assert loaded({"rule.py": RULE.format(name="rule"), **files}) == {"rule.py": ""}


def test_two_folders_may_have_helpers_of_one_name(loaded):
    text = "import _helper_of_two\n" + RULE
    rule = "\nregistry.optimizer(name='{name}_' + _helper_of_two.WORD)({name})\n"
    for folder, word in (("one", "first"), ("two", "second")):
        files = {f"in_{folder}.py": (text + rule).format(name=f"in_{folder}"), "_helper_of_two.py": f"WORD = '{word}'"}
        assert loaded(files, folder) == {f"in_{folder}.py": ""}
    assert origins("in_one_first", "in_two_second") == ["one/in_one.py", "two/in_two.py"]


def test_a_neighbour_that_is_a_plugin_is_loaded_once_and_stays_its_own(loaded):
    files = {"b_needs_c.py": "from c_rule import c_rule\n" + RULE.format(name="b_rule")}
    assert loaded({**files, "c_rule.py": RULE.format(name="c_rule")}) == {"b_needs_c.py": "", "c_rule.py": ""}
    assert origins("b_rule", "c_rule") == ["mine/b_needs_c.py", "mine/c_rule.py"]


def test_a_neighbour_is_loaded_also_where_the_file_that_imported_it_first_is_broken(loaded):
    files = {"d_fails.py": "import e_rule\n1 / 0\n", "e_rule.py": RULE.format(name="e_rule")}
    found = loaded(files)
    assert found["d_fails.py"].endswith("ZeroDivisionError: division by zero")
    assert found["e_rule.py"] == ""
    assert origins("e_rule") == ["mine/e_rule.py"]


def test_an_import_within_a_function_finds_the_neighbour_later_too(loaded):
    files = {"late_rule.py": "def later():\n    import _late_helper\n    return _late_helper.WORD\n"}
    assert loaded({**files, "_late_helper.py": "WORD = 'late'"}) == {"late_rule.py": ""}
    assert importlib.import_module("padl_plugin_late_rule").later() == "late"


def test_a_file_hides_no_installed_module(loaded):
    files = {"optax.py": "import optax, random\nassert optax.lion and random.random\n", "random.py": "1 / 0"}
    assert loaded(files)["optax.py"] == ""
    assert importlib.import_module("random").random


def test_a_file_is_imported_again_only_where_it_or_what_it_imports_was_edited(tmp_path):
    file, helper = tmp_path / "edited.py", tmp_path / "_edited_helper.py"
    file.write_text("import _edited_helper as helper\n")
    helper.write_text("X = 1")
    first = plugins.import_file(file)
    assert plugins.import_file(file) is first
    helper.write_text("X = 23")
    second = plugins.import_file(file)
    assert (first.helper.X, second.helper.X) == (1, 23)
    file.write_text("1 / 0")
    with pytest.raises(ZeroDivisionError):
        plugins.import_file(file)
    file.write_text("Y = 4")
    assert plugins.import_file(file).Y == 4


def test_code_outside_the_folder_does_not_find_its_files(loaded):
    assert loaded({"_hidden_helper.py": "", "uses.py": "import _hidden_helper"}) == {"uses.py": ""}
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("_hidden_helper")


THIRD = "put what both need into a third file, _NAME.py, which is no plugin"


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        (
            {"f.py": "\nimport _bad\n", "_bad.py": "x = 1\nx / 0\n"},
            {"f.py": "ImportError: _bad.py:2, which f.py imports, fails: ZeroDivisionError: division by zero"},
        ),
        (
            {"g.py": "from _circle import x\n", "_circle.py": "from g import y\nx = 1\n"},
            {"g.py": f"_circle.py and g.py import each other: {THIRD}"},
        ),
        ({"h.py": "import _unitz\n", "_units.py": ""}, {"h.py": "No module named '_unitz'; did you mean '_units'?"}),
        (
            {"i.py": "from ._units import x\n", "_units.py": "x = 1"},
            {"i.py": "imported by its name alone: from _units import ..."},
        ),
        ({"j.py": "import nowhere_at_all\n"}, {"j.py": "ModuleNotFoundError: No module named 'nowhere_at_all'"}),
    ],
)
def test_a_mistake_in_an_import_is_told_with_the_file_and_what_to_do(loaded, files, broken):
    found = loaded(files)
    assert [why in found[name] for name, why in broken.items()] == [True], found


def test_a_folder_is_no_neighbour(loaded, tmp_path):
    (tmp_path / "mine" / "tools_folder").mkdir(parents=True)
    (tmp_path / "mine" / "k.py").write_text("import tools_folder.sub")
    found = loaded({}, "empty")
    assert found == {}
    with pytest.raises(ImportError, match=r"folder tools_folder beside it cannot be imported: a file _tools"):
        plugins.import_file(tmp_path / "mine" / "k.py")


def test_files_that_import_each_other_where_nothing_is_missing_are_fine(loaded):
    files = {"m.py": "X = 1\nfrom _n import Y\n", "_n.py": "from m import X\nY = X + 1\n"}
    assert loaded(files) == {"m.py": ""}


def test_a_drop_in_may_be_imported_by_its_own_test_too(loaded, tmp_path, monkeypatch, capsys):
    assert loaded({"own_rule.py": RULE.format(name="own_rule")}) == {"own_rule.py": ""}
    monkeypatch.syspath_prepend(str(tmp_path / "mine"))
    module = importlib.import_module("own_rule")
    assert registry.optimizer.get("own_rule").function is module.own_rule
    assert "optimizer 'own_rule' from mine/own_rule.py is replaced" in capsys.readouterr().err


def digests_of(optimizer: str) -> dict[str, str]:
    config = {"task": "surface", "optimizer": optimizer, "run": {"dir": None}, "wandb": {"mode": "disabled"}}
    return of_all([check(config)], SimpleNamespace(device_kind="cpu", platform="cpu"), 1)["plugins"]


def test_a_run_knows_an_edit_of_a_helper_of_its_optimizer(loaded, tmp_path):
    text = "import _p_first\n" + RULE.format(name="p_rule")
    helpers = {"_p_first.py": "import _p_second", "_p_second.py": "X = 1", "_p_other.py": "X = 1"}
    assert loaded({"p_rule.py": text, **helpers}) == {"p_rule.py": ""}
    before = digests_of("p_rule")
    (tmp_path / "mine" / "_p_other.py").write_text("X = 2")
    assert digests_of("p_rule") == before
    (tmp_path / "mine" / "_p_second.py").write_text("X = 2")
    assert digests_of("p_rule") != before


def test_a_run_knows_an_edit_of_any_file_of_a_package(tmp_path, monkeypatch):
    folder = tmp_path / "package_of_rules"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "rules.py").write_text(RULE.format(name="q_rule"))
    (folder / "shared.py").write_text("X = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("package_of_rules.rules")
    digests = []
    for text in ("X = 1", "X = 1", "X = 2"):
        (folder / "shared.py").write_text(text)
        digests.append(digests_of("q_rule"))
    assert digests[0] == digests[1] != digests[2]
