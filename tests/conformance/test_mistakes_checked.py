"""Mistakes that a plugin shows when it is first used have a clear answer of `padl check` too."""

import pytest
from plugin_mistakes import AT_USE

from padl.app.checking import check
from padl.types import PadlError

QUICK = ("numbers_traced", "rate_schedule", "state_arrays", "state_form", "update_dtype")


@pytest.mark.parametrize("name", AT_USE)
def test_a_mistake_fails_a_check_or_is_refused_in_a_line(name, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(AT_USE[name].source, encoding="utf-8")
    try:
        report = check(f"{file}:mine", only=QUICK)
    except PadlError as error:
        assert "\n" not in str(error)
        return
    assert report.failures
    assert all(each.reason and "\n" not in each.reason for each in report.failures)
    print(f"{name:40} {report.failures[0].check.name}: {report.failures[0].reason}")
