"""PADL: train neural networks, and study how they are trained.

>>> import jax, padl
>>> tx = padl.optimizers.adam(1e-3)                                    # an Optax transformation
>>> tx = padl.optimizer("adam", learning_rate=1e-3)                    # the same by name, its arguments checked
>>> float(padl.losses.huber(predictions=jax.numpy.ones(3), targets=jax.numpy.zeros(3), delta=1.0))
0.5
>>> record = padl.train(task="digits", optimizer="nadam", steps=100)   # a whole run
>>> found = padl.sweep(over={"learning_rate": [1e-3, 1e-2], "seed": range(8)}, steps=100)   # 16 runs in one program
"""

import importlib
from typing import TYPE_CHECKING

from padl.version import __version__ as __version__

if TYPE_CHECKING:
    from padl import backprop, losses, models, optimizers, schedules, tasks
    from padl import registry as registry
    from padl import types as types
    from padl.app.checking import check
    from padl.app.compare.run import trajectories
    from padl.app.exporting import export
    from padl.app.names import loss, model, names, optimizer, schedule, task
    from padl.app.predicting import predict
    from padl.app.resume import resume
    from padl.app.run_list import list_runs
    from padl.app.run_plot import plot
    from padl.app.saved_runs import evaluate, load
    from padl.app.sweep.grid import sweep
    from padl.app.train import train
    from padl.closed_form import least_squares, normal_equation
    from padl.types import PadlError

_HOMES = {
    "train": "padl.app.train",
    "resume": "padl.app.resume",
    "sweep": "padl.app.sweep.grid",
    "check": "padl.app.checking",
    "trajectories": "padl.app.compare.run",
    "list_runs": "padl.app.run_list",
    "plot": "padl.app.run_plot",
    "load": "padl.app.saved_runs",
    "evaluate": "padl.app.saved_runs",
    "predict": "padl.app.predicting",
    "export": "padl.app.exporting",
    "PadlError": "padl.types",
    "least_squares": "padl.closed_form",
    "normal_equation": "padl.closed_form",
    **dict.fromkeys(("loss", "model", "names", "optimizer", "schedule", "task"), "padl.app.names"),
}
_MODULES = ("backprop", "losses", "models", "optimizers", "registry", "schedules", "tasks", "types")
__all__ = [
    "PadlError",
    "backprop",
    "check",
    "evaluate",
    "export",
    "least_squares",
    "list_runs",
    "load",
    "loss",
    "losses",
    "model",
    "models",
    "names",
    "normal_equation",
    "optimizer",
    "optimizers",
    "plot",
    "predict",
    "resume",
    "schedule",
    "schedules",
    "sweep",
    "task",
    "tasks",
    "train",
    "trajectories",
]

if not TYPE_CHECKING:  # a type checker refuses a name that is not imported above

    def __getattr__(name: str) -> object:
        if name in _MODULES:
            return importlib.import_module(f"padl.{name}")
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'padl' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
