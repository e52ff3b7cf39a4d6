"""Progress in a notebook is one output that changes, few times, and needs IPython alone."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from padl.notebook import is_notebook
from padl.runs.console import ConsoleProgress, SweepProgress


@pytest.fixture
def shown(monkeypatch):
    """A kernel without a notebook: what it was told to show, [output number, text]."""
    messages: list[tuple[int, str]] = []

    def display(content, raw, display_id):
        assert raw
        assert display_id
        number = len({number for number, _ in messages})
        update = lambda content, raw: messages.append((number, content["text/plain"]))  # noqa: E731
        update(content, raw)
        return SimpleNamespace(update=update)

    ipython, parts = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object(), user_global_ns={})  # pyright: ignore
    parts.display = display  # pyright: ignore
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", parts)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    return messages


@pytest.mark.parametrize("style", ["auto", "live"])
def test_a_run_has_one_output_that_ends_with_the_last_row(shown, capsys, style):
    progress = ConsoleProgress(1000, ["loss", "accuracy"], style)
    for step in range(1, 1001):
        progress.write(step, {"train/loss": 1 / step, "eval/accuracy": step / 1000})
    progress.close({})
    assert {number for number, _ in shown} == {0}
    assert len(shown) < 100
    assert shown[-1][1].startswith("step 1000/1000  loss 0.001  accuracy 1")
    assert capsys.readouterr() == ("", "")


def test_a_sweep_has_one_output_of_one_line(shown, capsys):
    progress = SweepProgress("auto")
    for label in ("adam", "sgd\x1b"):
        number = progress.begin(label, 10)
        progress.compiling(number)
        for done in range(1, 11):
            progress.update(number, label, done, 10, "best 0.5")
    progress.close()
    assert {number for number, _ in shown} == {0}
    assert shown[-1][1] == r"sgd\x1b  100%  (100% of all)  best 0.5"
    assert capsys.readouterr() == ("", "")


def test_plain_lines_are_lines_in_a_notebook_too(shown, capsys):
    progress = ConsoleProgress(2, [], "plain")
    progress.write(2, {"train/loss": 1.0})
    progress.close({})
    assert shown == []
    assert capsys.readouterr().err == "step 2/2  loss 1\n"


def test_a_prompt_of_ipython_is_no_notebook(monkeypatch):
    ipython = ModuleType("IPython")
    for shell in (None, SimpleNamespace(kernel=None), SimpleNamespace()):
        ipython.get_ipython = lambda shell=shell: shell  # pyright: ignore
        monkeypatch.setitem(sys.modules, "IPython", ipython)
        assert not is_notebook()
