"""Things from Python in the place of names: a class, a function, a transformation, a task. entry_of, labelled.

    padl.train(task=padl.tasks.arrays(x, y), model=MyNet, loss=my_loss, optimizer=optax.lion(1e-4))

In a configuration such a thing stands as {"name": thing, "label": ..., hyperparameters}; in a run folder as
{"name": label, "from": "python", hyperparameters}, and python.json has its source.

    signatures.py  what a stranger's signature says
    models.py losses.py optimizers.py schedules.py   a thing as PADL calls it
    stored.py      a thing given again, for what a run or a sweep has recorded
    sources.py     where it comes from
    content.py     whether it is the one that it was
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flax import nnx

from padl.app.objects import losses, models, optimizers, schedules
from padl.app.objects.signatures import Adapted
from padl.registry import Entry
from padl.tasks.own_data import arrays
from padl.tasks.task import Task
from padl.types import Kind, PadlError

PYTHON = "python"
DEFAULTS = {
    "model": "mlp",
    "loss": {"regression": "mse", "classification": "cross_entropy"},
}  # of a task from Python
AS = {
    "model": models.builder,
    "loss": losses.loss,
    "optimizer": optimizers.optimizer,
    "schedule": schedules.schedule,
}


def entry_of(kind: Kind, thing: Any, label: str = "") -> Entry:
    """Make an entry, as a registered name has one, of a thing from Python.

    Args:
        label: what it is called; its own name where "".

    Raises:
        PadlError: it is nothing of this kind.
    """
    if kind == "task":
        return _task(thing, label)
    if not callable(thing) and not hasattr(thing, "update"):
        raise PadlError(f"{kind}={_shown(thing)} must be a name, a name with hyperparameters, or the thing itself")
    function = AS[kind](thing)
    return Entry(kind, label or function.__name__, function, family="", reference="", origin=PYTHON)


def prepared(kind: str, value: Any) -> Any:
    """Make once what every member of a sweep would make again: a task of a pair of arrays, a copy of an instance."""
    if isinstance(value, Mapping) and not isinstance(value.get("name", ""), str):
        return {**value, "name": prepared(kind, value.get("name"))}
    if kind == "task" and isinstance(value, tuple) and len(value) == 2:
        return arrays(*value)
    return models.builder(value) if kind == "model" and isinstance(value, nnx.Module) else value


def checked_label(kind: str, label: Any) -> str:
    """Return a label of a thing from Python; raises PadlError for what is no line of text."""
    if not isinstance(label, str) or not label.isprintable() or label != label.strip():
        raise PadlError(f"the label {label!r} of {kind} must be one line of text")
    return label


def labelled(kind: str, values: Sequence[Any]) -> list[Any]:
    """Give each thing from Python among the values of a sweep a label of its own, as {"name": thing, "label": ...}.

    Several of one `__name__` are numbered: two Optax chains are chain-1 and chain-2.

    Raises:
        PadlError: two of them are given the same label, or one the name of another.
    """
    ready = [prepared(kind, value) for value in values]
    own = [_label(kind, value) for value in ready]
    counted = Counter(own)
    fixed = [label or _name(value) for value, label in zip(ready, own, strict=True) if not label or _given(value)]
    taken = set(fixed)
    for value in ready:
        if _given(value) and fixed.count(_given(value)) > 1:
            raise PadlError(f"two {kind}s are called '{_given(value)}': give one of them another label")
    result: list[Any] = []
    for value, label in zip(ready, own, strict=True):
        if label and not _given(value):
            several = counted[label] > 1 or label in taken
            numbered = (f"{label}-{i}" for i in itertools.count(1))
            label = next(name for name in numbered if name not in taken) if several else label
            taken.add(label)
        named = value if isinstance(value, Mapping) else {"name": value}
        result.append({**named, "label": label} if label else value)
    return result


def shown_value(value: Any) -> Any:
    """Return what a table of a sweep shows of a value: the label of a thing from Python, with its hyperparameters."""
    if not isinstance(value, Mapping) or "label" not in value:
        return value
    others = [f"{key}={each}" for key, each in value.items() if key not in ("name", "label")]
    return " ".join([value["label"], *others])


def _label(kind: str, value: Any) -> str:
    """What a thing from Python is called; "" for a name."""
    thing = _name(value)
    if isinstance(thing, str) or thing is None:
        return ""
    return checked_label(kind, _given(value)) or entry_of(kind, thing).name  # pyright: ignore[reportArgumentType]


def _name(value: Any) -> Any:
    """The name or the thing, without its hyperparameters."""
    return value.get("name") if isinstance(value, Mapping) else value


def _given(value: Any) -> Any:
    """The label that was given, or ""."""
    return value.get("label", "") if isinstance(value, Mapping) else ""


def _task(thing: Any, label: str) -> Entry:
    task = prepared("task", thing)
    if not isinstance(task, Task):
        raise PadlError(
            f"task={_shown(thing)} must be a name, or a task: padl.tasks.arrays(inputs, targets) makes one of arrays"
        )
    name = label or str(task.about.get("title") or "arrays")
    return Entry("task", name, _Made(task), family="", reference="", origin=PYTHON, traits=DEFAULTS)


@dataclass(frozen=True, eq=False)
class _Made(Adapted):
    """The function of a task that is made already; equal for the same one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Made) and self.made_of is other.made_of

    def __hash__(self) -> int:
        return id(self.made_of)

    def __call__(self) -> Task:
        return self.made_of


def _shown(thing: Any) -> str:
    return repr(thing) if isinstance(thing, (str, int, float, bool)) else f"something of type {type(thing).__name__}"


__all__ = ["PYTHON", "checked_label", "entry_of", "labelled", "prepared", "shown_value"]
