"""docs/checking.md has every check with its promise, and its test file does what it says."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from markdown_blocks import ROOT, write_files


def test_the_table_of_checks_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("checks_page", ROOT / "scripts" / "checks_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: python scripts/checks_page.py"


def test_the_test_file_of_the_page_runs(tmp_path: Path):
    write_files("docs/checking.md", tmp_path)
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "padl.pytest_plugin", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*command, "-k", "nan_gradient or downhill"], cwd=tmp_path, env=environment, capture_output=True
    )
    assert b"1 passed" in ran.stdout, ran.stdout
    assert b"1 xfailed" in ran.stdout
