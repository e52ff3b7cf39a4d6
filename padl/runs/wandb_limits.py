"""What W&B takes as names, tags and ids, so that a run is refused before it starts, not unlogged behind it."""

from collections.abc import Mapping
from typing import Any

from padl.types import PadlError

LONGEST, LONGEST_TAG = 128, 64  # characters that W&B takes of a name and of a tag
REFUSED = {"project": "/\\#?%:", "entity": "/\\#?%:", "id": "/\\#?%:;,'"}  # characters
NAMES = ("project", "entity", "group", "name", "job_type", "id")


def check_limits(settings: Mapping[str, Any]) -> None:
    """Raise PadlError where W&B would refuse a value, with the key and the limit.

    Args:
        settings: values of `NAMES`, None for none, and "tags".
    """
    for key in NAMES:
        value = settings.get(key)
        if value is not None:
            _check_name(key, value)
    for tag in settings.get("tags", ()):
        if not 1 <= len(tag) <= LONGEST_TAG:
            shown = f"{tag[:20]}..." if len(tag) > LONGEST_TAG else repr(tag)
            raise PadlError(f"wandb.tags: {shown} has {len(tag)} characters, and W&B takes 1 to {LONGEST_TAG} of a tag")


def _check_name(key: str, value: str) -> None:
    if not 1 <= len(value) <= LONGEST:
        raise PadlError(f"wandb.{key} has {len(value)} characters, and W&B takes 1 to {LONGEST}: give another")
    refused = REFUSED.get(key, "")
    if any(character in refused for character in value):
        raise PadlError(f"wandb.{key}={value}: W&B takes none of {' '.join(refused)} in it")
    if key in REFUSED and value != value.strip():
        raise PadlError(f"wandb.{key}={value!r} begins or ends with a space, which W&B does not take")
