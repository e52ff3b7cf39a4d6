"""conf/: where it lies, and one of its files. conf_folder, overrides."""

from pathlib import Path
from typing import Any

import yaml


def conf_folder() -> Path:
    """conf/, in a checkout next to the package and in a wheel inside it."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def overrides(group: str, name: str) -> dict[str, Any]:
    """Read what conf/GROUP/NAME.yaml sets; it must be there."""
    return yaml.safe_load((conf_folder() / group / f"{name}.yaml").read_text(encoding="utf-8"))
