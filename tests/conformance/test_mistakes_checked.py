"""Mistakes that a plugin shows when it is first used have a clear answer of `padl check` too."""

import pytest
from plugin_mistakes import AT_USE

from padl import registry
from padl.app.checking import check
from padl.types import PadlError

QUICK = ("runs", "numbers_traced", "rate_schedule", "state_arrays", "state_form", "update_dtype")


@pytest.mark.parametrize("name", AT_USE)
def test_a_mistake_fails_a_check_or_is_refused_in_a_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))
    file = tmp_path / "mine.py"
    file.write_text(AT_USE[name].source, encoding="utf-8")
    answers = _answers(str(file))
    assert answers
    assert all(each and "\n" not in each and "is there twice" not in each for each in answers)
    print(f"{name:40} {answers[0]}")


def _answers(file):
    """The reasons of what fails, or the line that refuses to check it."""
    try:
        return [f"{each.check.name}: {each.reason}" for each in check(f"{file}:mine", only=QUICK).failures]
    except PadlError as error:
        return [str(error)]
