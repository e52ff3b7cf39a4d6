"""docs/first_steps.ipynb runs in a kernel as it stands, and so does what else people do in a notebook."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FILE = Path(__file__).parents[1] / "docs" / "first_steps.ipynb"
MORE = {
    "origins": """
import sys
from padl import registry
print(registry.optimizer.get("my_rule").origin, "|", registry.optimizer.get("adam").origin)
""",
    "taken": """
try:
    optimizer(name="adam")(my_rule)
except padl.PadlError as error:
    print(error)
""",
    "script": """
from pathlib import Path
Path("script.py").write_text("from padl.registry import schedule\\n@schedule()\\ndef scripts(fraction): return 1.0\\n")
%run script.py
print(registry.schedule.get("scripts").origin)
""",
    "sweep": """
rates = padl.sweep(over={"seed": range(2)}, steps=100, devices=1, progress="auto")
""",
    "modules": """
print("matplotlib.pyplot" in sys.modules, "ipywidgets" in sys.modules)
""",
}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """{first words of a code cell, or its name above: its outputs}, of one kernel that ran all of them."""
    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.read(FILE, as_version=4)
    written = [cell.source.split("\n")[0] for cell in book.cells if cell.cell_type == "code"]
    book.cells += [nbformat.v4.new_code_cell(source) for source in MORE.values()]
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [cell.outputs for cell in book.cells if cell.cell_type == "code"]
    return dict(zip([*written, *MORE], outputs, strict=True)), folder


def text_of(outputs) -> str:
    return "".join(output.get("text", "") for output in outputs)


def of_cell(cells, words: str):
    return next(outputs for name, outputs in cells[0].items() if name.startswith(words))


def test_the_notebook_is_stored_without_outputs():
    book = nbformat.read(FILE, as_version=4)
    assert not [cell for cell in book.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]


def test_files_that_the_notebook_links_are_there():
    text = "".join(cell.source for cell in nbformat.read(FILE, as_version=4).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((.*?)\)", text)
    assert links
    assert not [link for link in links if not (FILE.parent / link).exists()]


def test_a_run_shows_one_live_line_and_then_itself(cells):
    line, result = of_cell(cells, "record = padl.train(")
    assert line.output_type == "display_data"
    assert line.data["text/plain"].startswith("step 300/300  loss ")
    assert result.data["text/html"].startswith("<div><b>digits mlp adam, ")


@pytest.mark.parametrize("words", ["record.plot()", "found.plot()", "seen.plot()"])
def test_a_plot_is_shown_as_a_picture(cells, words):
    (output,) = of_cell(cells, words)
    assert output.data["image/png"].startswith("iVBORw0KGgo")  # the signature of a PNG


def test_the_drawing_is_recognised(cells):
    assert text_of(of_cell(cells, "drawing")) == "this is a 4\n"


def test_the_gradient_is_that_by_hand(cells):
    first, second = map(float, text_of(of_cell(cells, "y = graph")).split())
    assert first == pytest.approx(second, rel=1e-12)


def test_a_cell_that_registers_again_replaces_with_a_line(cells):
    assert text_of(of_cell(cells, "from typing import NamedTuple")) == ""
    assert text_of(of_cell(cells, "@optimizer")) == "padl: optimizer 'my_rule' from this notebook is replaced\n"
    assert text_of(of_cell(cells, "origins")) == "this notebook | padl\n"
    assert "my_rule" in of_cell(cells, "seen = ")[0].data["text/plain"]


def test_a_name_of_padls_is_refused_in_a_notebook(cells):
    assert "'adam' is there twice, one from padl, one from this notebook" in text_of(of_cell(cells, "taken"))


def test_a_script_that_a_notebook_runs_is_named_by_its_file(cells):
    assert text_of(of_cell(cells, "script")) == f"__main__ ({cells[1] / 'script.py'})\n"


def test_a_sweep_shows_one_live_line(cells):
    (line,) = of_cell(cells, "sweep")
    assert re.match(r"digits mlp adam.*100%  best accuracy 0\.\d+$", line.data["text/plain"])


def test_nothing_needs_pyplot_or_widgets(cells):
    assert text_of(of_cell(cells, "modules")) == "False False\n"
    assert "ipywidgets" not in str(cells[0])
