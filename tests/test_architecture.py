"""Imports go down only, names are looked up in the cli alone, no config says what to import."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STOREYS = [
    {"types", "version"},
    {"registry"},
    {"runs", "data", "plugins"},
    {"optimizers", "losses", "models", "schedules", "closed_form"},
    {"surfaces"},
    {"tasks"},
    {"engine"},
    {"compare", "conformance", "backprop"},
    {"app"},
    {"cli"},
    {"__main__"},
]
LOOKS_UP = ("app", "cli", "__main__", "registry", "__init__")
FILES = sorted((ROOT / "padl").rglob("*.py"))
LOOKUPS = {"get", "names", "of"}  # of a registry


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def storey(module: str) -> int:
    return next(level for level, rooms in enumerate(STOREYS) if room(module) in rooms)


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def imports(file: Path) -> set[str]:
    """Every `padl.…` module that a file imports, at the top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{file.name} imports relatively: absolute names show the storey")
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "padl" else {node.module}
    return {name for name in found if name.startswith("padl.") and name != "padl.__version__"}


BUT_THE_FACE = [f for f in FILES if module_of(f) != "padl.__init__"]
BELOW_THE_CLI = [f for f in FILES if room(module_of(f)) not in LOOKS_UP and f.name != "__init__.py"]


@pytest.mark.parametrize("file", BUT_THE_FACE, ids=module_of)
def test_a_module_imports_only_from_storeys_below_its_own(file):
    module = module_of(file)
    wrong = [i for i in imports(file) if room(i) != room(module) and storey(i) >= storey(module)]
    assert not wrong


@pytest.mark.parametrize("file", BELOW_THE_CLI, ids=module_of)
def test_no_name_is_looked_up_below_the_cli(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    registries = {"optimizer", "loss", "model", "task", "schedule", "registry", "REGISTRIES"}
    calls = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    owner = lambda call: ast.unparse(call.value).rpartition(".")[2].partition("[")[0]  # noqa: E731
    assert not [ast.unparse(c) for c in calls if c.attr in LOOKUPS and owner(c) in registries]


def test_every_module_says_first_what_it_holds():
    assert not [f for f in FILES if not ast.get_docstring(ast.parse(f.read_text(encoding="utf-8")))]


def test_no_file_is_longer_than_450_lines():
    assert not [f for f in FILES if len(f.read_text(encoding="utf-8").splitlines()) > 450]


def test_no_config_says_what_to_import():
    texts = [f.read_text(encoding="utf-8") for f in [*FILES, *(ROOT / "conf").rglob("*.yaml")]]
    assert not [t for t in texts if "_target_" in t]


def test_nothing_is_loaded_that_could_run_a_strangers_code():
    forbidden = ("import pickle", "yaml.load(", "allow_pickle=True", " eval(", " exec(", "instantiate(")
    found = [(f.name, word) for f in FILES for word in forbidden if word in f.read_text(encoding="utf-8")]
    assert not found
