"""Make what checks see of a registered loss, model, task or schedule. checked_item."""

from collections.abc import Mapping
from typing import Any

from padl.app.names import find
from padl.app.run_spec import brought_by
from padl.conformance.checked_item import CheckedItem
from padl.conformance.checked_loss import CheckedLoss
from padl.conformance.checked_model import CheckedModel
from padl.conformance.checked_task import CheckedTask
from padl.registry import Entry


def checked_item(entry: Entry, settings: Mapping[str, Any] | None = None, code: str = "") -> CheckedItem:
    """Make what checks see of something registered that is no optimizer.

    Args:
        settings: hyperparameters, in the place of its defaults. code: Python before which nobody knows its name.

    Raises:
        PadlError: a hyperparameter that it does not have or take, or has no default and is not given.
    """
    values = dict(settings or {})
    entry.check(values)
    made = entry, "\n".join(["import padl", *([code] if code else [])]), f"padl.{entry.kind}({entry.name!r}", values
    if entry.kind == "task":
        names = brought_by(entry.traits, CheckedTask(*made).task)
        model, loss = (find(kind, names[kind]) if names[kind] else None for kind in ("model", "loss"))
        return CheckedTask(*made, model=model, loss=loss)
    return {"loss": CheckedLoss, "model": CheckedModel}.get(entry.kind, CheckedItem)(*made)
