"""The plan of the house, held against its files: imports, names, maps, effects."""

import ast
import re
from collections import Counter
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import padl
from padl.app import names
from padl.types import KINDS

ROOT = Path(__file__).parents[1]
STOREYS = [
    {"errors", "version", "jax_flags", "files", "nested", "notebook", "argument_domains"},
    {"types", "messages", "readable", "rule_errors"},
    {"origins", "checked_calls", "coercion", "norm_order", "roles", "bucketed", "decorator_words", "import_effects"},
    {"signature_checks"},
    {"registry", "attention_logits"},
    {"drop_ins"},
    {"runs", "data", "plugins"},
    {"optimizers", "losses", "models", "schedules", "closed_form"},
    {"surfaces"},
    {"tasks"},
    {"engine"},
    {"compare", "conformance", "backprop"},
    {"app"},
    {"cli", "pytest_plugin"},
    {"__main__"},
]
LOOKS_UP = ("app", "cli", "pytest_plugin", "__main__", "registry", "__init__")
FILES = sorted((ROOT / "padl").rglob("*.py"))
LOOKUPS = {"get", "names", "of"}  # of a registry


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def storey(module: str) -> int:
    return next(level for level, rooms in enumerate(STOREYS) if room(module) in rooms)


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(file: Path) -> set[str]:
    """Every `padl.…` module that a file imports, at the top or inside a function."""
    modules = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{file.name} imports relatively: absolute names show the storey")
        elif isinstance(node, ast.ImportFrom) and node.module:
            of_padl = node.module == "padl"
            modules |= {f"{node.module}.{alias.name}" for alias in node.names} if of_padl else {node.module}
    return {name for name in modules if name.startswith("padl.")}


def for_type_checkers(module: ast.Module) -> set[ast.AST]:
    """What stands under `if TYPE_CHECKING:`."""
    blocks = [n for n in ast.walk(module) if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"]
    return {node for block in blocks for statement in block.body for node in ast.walk(statement)}


def imported_names(file: Path) -> set[str]:
    """Whatever a file imports, from anywhere: modules, and with `from` also what may be one of their modules.

    What a package lists for type checkers alone is left out: nobody imports it.
    """
    imported = set()
    module = tree(file)
    for node in set(ast.walk(module)) - for_type_checkers(module):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return imported


def import_circle(root: Path, files: list[Path]) -> list[str]:
    """A circle of imports between these files, by their names as modules below `root`; [] where there is none."""
    modules = {".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): f for f in files}
    graph = {name: (imported_names(file) & modules.keys()) - {name, "padl"} for name, file in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


BUT_THE_FACE = [f for f in FILES if module_of(f) != "padl.__init__"]
BELOW_THE_CLI = [f for f in FILES if room(module_of(f)) not in LOOKS_UP and f.name != "__init__.py"]


@pytest.mark.parametrize("file", BUT_THE_FACE, ids=module_of)
def test_a_module_imports_only_from_storeys_below_its_own(file):
    module = module_of(file)
    wrong = [i for i in imports(file) if room(i) != room(module) and storey(i) >= storey(module)]
    assert not wrong


@pytest.mark.parametrize("file", BELOW_THE_CLI, ids=module_of)
def test_no_name_is_looked_up_below_the_cli(file):
    registries = {"optimizer", "loss", "model", "task", "schedule", "registry", "REGISTRIES"}
    calls = [n.func for n in ast.walk(tree(file)) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    owner = lambda call: ast.unparse(call.value).rpartition(".")[2].partition("[")[0]  # noqa: E731
    assert not [ast.unparse(c) for c in calls if c.attr in LOOKUPS and owner(c) in registries]


def test_no_two_files_import_each_other_in_a_circle():
    assert import_circle(ROOT, FILES) == []
    assert import_circle(ROOT / "scripts", sorted((ROOT / "scripts").rglob("*.py"))) == []


def test_the_app_has_no_command_line_in_it():
    files = [f for f in FILES if room(module_of(f)) == "app"]
    roots = {(module_of(f), name.partition(".")[0]) for f in files for name in imported_names(f)}
    assert not [pair for pair in roots if pair[1] in ("hydra", "rich", "argparse")]
    assert not [module_of(f) for f in files if "print" in called(f)]


def called(file: Path) -> set[str]:
    """The last names of all that a file calls."""
    calls = [node.func for node in ast.walk(tree(file)) if isinstance(node, ast.Call)]
    return {ast.unparse(call).rpartition(".")[2] for call in calls}


def test_every_module_says_first_what_it_holds():
    assert not [f for f in FILES if not ast.get_docstring(tree(f))]


def test_no_file_is_longer_than_450_lines():
    assert not [f for f in FILES if len(f.read_text(encoding="utf-8").splitlines()) > 450]


def test_no_config_says_what_to_import():
    texts = [f.read_text(encoding="utf-8") for f in [*FILES, *(ROOT / "conf").rglob("*.yaml")]]
    assert not [t for t in texts if "_target_" in t]


def test_nothing_is_loaded_that_could_run_a_strangers_code():
    forbidden = ("import pickle", "yaml.load(", "allow_pickle=True", " eval(", " exec(", "instantiate(")
    found = [(f.name, word) for f in FILES for word in forbidden if word in f.read_text(encoding="utf-8")]
    assert not found


# Names and maps

PACKAGES = [f for f in FILES if f.name == "__init__.py" and f.parent != ROOT / "padl"]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda f: module_of(f.parent / "x").removesuffix(".x"))
def test_the_docstring_of_a_package_names_its_modules_and_no_other(package):
    text = ast.get_docstring(tree(package)) or ""
    modules = {f.name for f in package.parent.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"\b(\w+\.py)\b", text)) == modules
    assert not [f.name for f in package.parent.iterdir() if (f / "__init__.py").exists() and f"{f.name}/" not in text]


def test_no_module_bears_the_name_of_an_item():
    items = {n for kind in KINDS for n in padl.names(kind) if names.of(kind).get(n).origin == "padl"}
    assert not [module_of(f) for f in FILES if f.stem in items]


def test_no_two_classes_have_one_name():
    classes = Counter(node.name for f in FILES for node in ast.walk(tree(f)) if isinstance(node, ast.ClassDef))
    assert not [name for name, count in classes.items() if count > 1]


# Effects

WRITES = {"write_text", "write_bytes", "savefig", "savez", "mkdir", "makedirs", "touch", "unlink", "rmtree"}
WRITERS = ("cli", "app", "runs", "plugins")


def draws(file: Path) -> bool:
    """Whether a file makes pictures: in the room for it, or among the instruments with what they draw with."""
    module = module_of(file)
    pictures = any(re.match(r"matplotlib|PIL|padl\.compare\.(plot_style|sweep_lines)", n) for n in imported_names(file))
    return module.startswith("padl.backprop.drawing.") or (room(module) == "compare" and pictures)


def opens_to_write(node: ast.AST) -> bool:
    """Whether it is a call of some `open` with a mode that writes."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "open"):
        return False
    words = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
    return any(re.fullmatch(r"[rwaxbt+]*[wax+][rwaxbt+]*", word) for word in words if isinstance(word, str))


def test_files_are_written_only_where_the_plan_has_effects():
    others = [f for f in FILES if room(module_of(f)) not in WRITERS and not draws(f)]
    assert not [module_of(f) for f in others if WRITES & called(f) or any(map(opens_to_write, ast.walk(tree(f))))]
