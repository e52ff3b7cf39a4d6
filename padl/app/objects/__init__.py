"""Things from Python in the place of names: a class, a function, a transformation, a task. entry_of, with_objects.

    padl.train(task=padl.tasks.arrays(x, y), model=MyNet, loss=my_loss, optimizer=optax.lion(1e-4))

In a configuration such a thing stands as {"name": thing, "label": ..., hyperparameters}; in a run folder as
{"name": label, "from": "python", hyperparameters}, and python.json has its source.

    signatures.py  what a stranger's signature says
    models.py losses.py optimizers.py schedules.py   a thing as PADL calls it
    sources.py     where it comes from
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx

from padl.app.objects import losses, models, optimizers, schedules
from padl.app.objects.signatures import label_of
from padl.registry import Entry, Hyperparameter
from padl.tasks.own_data import arrays
from padl.tasks.task import Task
from padl.types import KINDS, Kind, PadlError

FROM, PYTHON = "from", "python"
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


def is_from_python(stored: Any) -> bool:
    """Tell whether a part of a stored configuration stands for a thing from Python."""
    return isinstance(stored, Mapping) and stored.get(FROM) == PYTHON


def with_objects(config: Mapping[str, Any], things: Mapping[str, Any], whose: str) -> dict[str, Any]:
    """Put things from Python into a stored configuration, where they were when it was recorded.

    Args:
        things: {kind: thing}. whose: what the configuration is of, for the message.

    Raises:
        PadlError: one is missing, or is for a kind that was a name.
    """
    filled = dict(config)
    for kind in KINDS:
        stored, thing = config.get(kind), things.get(kind)
        if not is_from_python(stored):
            if thing is not None:
                raise PadlError(f"{whose} names its {kind}: leave {kind}= out")
            continue
        assert isinstance(stored, Mapping)
        if thing is None:
            raise PadlError(
                f"{whose}: its {kind} '{stored['name']}' came from Python (python.json there has its source):"
                f" give it again, as {kind}={stored['name']}"
            )
        others = {key: value for key, value in stored.items() if key not in ("name", FROM)}
        filled[kind] = {"name": thing, "label": stored["name"], **others}
    return filled


def prepared(kind: str, value: Any) -> Any:
    """Make once what every member of a sweep would make again: a task of a pair of arrays, a copy of an instance."""
    if isinstance(value, Mapping) and not isinstance(value.get("name"), str):
        return {**value, "name": prepared(kind, value.get("name"))}
    if kind == "task" and isinstance(value, tuple) and len(value) == 2:
        return arrays(*value)
    return models.builder(value) if kind == "model" and isinstance(value, nnx.Module) else value


def _task(thing: Any, label: str) -> Entry:
    task = prepared("task", thing)
    if not isinstance(task, Task):
        raise PadlError(
            f"task={_shown(thing)} must be a name, or a task: padl.tasks.arrays(inputs, targets) makes one of arrays"
        )
    name = label or str(task.about.get("title") or "arrays")
    return Entry("task", name, _Made(task), family="", reference="", origin=PYTHON, traits=DEFAULTS)


@dataclass(frozen=True, eq=False)
class _Made:
    """The function of a task that is made already; equal for the same one."""

    made_of: Task

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        return {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Made) and self.made_of is other.made_of

    def __hash__(self) -> int:
        return id(self.made_of)

    def __call__(self) -> Task:
        return self.made_of


def _shown(thing: Any) -> str:
    return repr(thing) if isinstance(thing, (str, int, float, bool, list)) else f"a {type(thing).__name__}"


__all__ = ["FROM", "PYTHON", "entry_of", "is_from_python", "label_of", "prepared", "with_objects"]
