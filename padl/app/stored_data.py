"""Read what a run folder says of how its data became inputs, data.json, and hold it against the model. stored_data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.data import image_pixels
from padl.data.table import stored
from padl.runs import manifest
from padl.runs.run_files import verified_json
from padl.types import PadlError

NAME = "data.json"


def stored_data(folder: Path, task: Mapping[str, Any], input_shape: tuple[int, ...]) -> dict[str, Any]:
    """Read data.json of a run.

    Args:
        task, input_shape: of model.json.

    Returns:
        Its content; {} where the run has none, as one on arrays.

    Raises:
        PadlError: it is missing or not as it was written, or does not describe inputs of this model.
    """
    file = folder / NAME
    listed = NAME in manifest.entries(folder)
    if not listed and not file.exists():
        return {}
    if not listed and manifest.is_guarded(folder):
        raise PadlError(f"{file} is not listed in the manifest.json beside it: the run did not write it, so remove it")
    data = verified_json(file)
    try:
        _check(data, task, input_shape)
    except PadlError as error:
        raise PadlError(f"{file} is damaged, or not of this run: {error}") from error
    return data


def _check(data: Any, task: Mapping[str, Any], input_shape: tuple[int, ...]) -> None:
    if not isinstance(data, dict):
        raise PadlError("it holds no keys with values")
    if "encoding" in data:
        stored.check(data["encoding"])
        _check_targets(data["encoding"]["targets"], task)
        shape = (len(data["encoding"]["inputs"]),)
    elif "images" in data:
        image_pixels.check(data["images"])
        shape = image_pixels.input_shape(data["images"])
    else:
        return
    if shape != input_shape:
        raise PadlError(f"it describes inputs of shape {shape}, and the model takes {input_shape}")


def _check_targets(targets: list[dict[str, Any]], task: Mapping[str, Any]) -> None:
    """Raise PadlError where the targets are not those of the task."""
    classes = [target for target in targets if target["kind"] == "category"]
    if task.get("kind") == "classification":
        right = len(targets) == len(classes) == 1 and len(classes[0]["classes"]) == task.get("classes")
    else:
        right = not classes and len(targets) == (len(task.get("targets") or ()) or 1)
    if not right:
        raise PadlError(f"its targets are not those of a task of {task.get('kind')}")
