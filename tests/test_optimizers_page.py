"""docs/optimizers.md is what its script writes of the optimizers that are registered."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_on_optimizers_is_what_the_code_says():
    spec = importlib.util.spec_from_file_location("optimizers_page", ROOT / "scripts" / "optimizers_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run: python scripts/optimizers_page.py"
