"""The plugin of pytest: a test for each check, with its name; exempt ones as expected failures; quick to start."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = """
import optax, pytest, sys
from padl.registry import optimizer

@optimizer(exempt={"update_dtype": "as Optax does it", "downhill": "no reason"})
def exempt_adam(learning_rate: float = 1e-3):
    return optax.adam(learning_rate)

@pytest.mark.padl_check(exempt_adam, only=["no_params", "update_dtype", "downhill", "holds_norm"])
def test_conforms(padl_check):
    padl_check()

@pytest.mark.padl_check("sgd", "optax:sgd", only="descends", learning_rate=0.1)
def test_others(padl_check):
    padl_check()
"""


def run_pytest(folder, text, *options):
    """The output of pytest in a process of its own, with this plugin and no other."""
    (folder / "test_mine.py").write_text(text)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "padl.pytest_plugin", "--strict-markers", "-p", "no:cacheprovider"]
    return subprocess.run([*command, *options], cwd=folder, env=environment, capture_output=True, text=True).stdout


def test_each_check_is_a_test_and_an_exempt_one_that_passes_is_a_failure(tmp_path):
    out = run_pytest(tmp_path, TESTS, "-v", "-rsx")
    results = dict(re.findall(r"test_mine\.py::(\S+) ([A-Z]+)", out))
    assert results == {
        "test_conforms[no_params]": "PASSED",
        "test_conforms[update_dtype]": "XFAIL",
        "test_conforms[downhill]": "FAILED",
        "test_conforms[holds_norm]": "SKIPPED",
        "test_others[sgd-descends]": "PASSED",
        "test_others[optax:sgd-descends]": "PASSED",
    }
    assert "as Optax does it" in out
    assert "is exempt (no reason), and passes: take the exemption away" in out


def test_a_name_there_is_not_is_a_line(tmp_path):
    out = run_pytest(tmp_path, "import pytest\n@pytest.mark.padl_check('adm')\ndef test_it(padl_check): ...\n", "-q")
    assert "nothing is called 'adm'; did you mean 'adam'?" in out
    assert "Traceback" not in out
    out = run_pytest(tmp_path, "def test_it(padl_check): ...\n", "-q")
    assert "write @pytest.mark.padl_check('lion') above the test" in out


def test_pytest_starts_without_jax(tmp_path):
    out = run_pytest(
        tmp_path, "import sys\ndef test_it(): assert not {'jax', 'numpy', 'optax'} & set(sys.modules)\n", "-q"
    )
    assert "1 passed" in out
