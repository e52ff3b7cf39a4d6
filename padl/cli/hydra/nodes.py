"""Where conf/ lies, and the nodes that the registries give: `optimizer=adam optimizer.b1=0.8` composes.

A task's node also puts its own loss and model in place. No node says what to import.
"""

from typing import Any

from padl.app import composition, names
from padl.app.conf import conf_folder as conf_folder
from padl.app.run_spec import AUTO
from padl.registry import Entry, Hyperparameter
from padl.types import KINDS, Kind

GROUPS = ("experiment", "sweep", "debug")  # folders of conf/


def store() -> None:
    """Give Hydra a node for every registered entry."""
    from hydra.core.config_store import ConfigStore

    put = ConfigStore.instance().store
    put(group="loss", name=AUTO, node={"name": AUTO}, package="loss", provider="padl")
    for kind in KINDS:
        package = "_global_" if kind == "task" else kind
        for entry in names.of(kind):
            put(group=kind, name=entry.name, node=_node(entry), package=package, provider="padl")


def _node(entry: Entry) -> dict[str, Any]:
    content = {"name": entry.name, **{k: _default(h) for k, h in entry.hyperparameters.items()}}
    if entry.kind == "optimizer":
        content |= {key: _plain({}) for key in (composition.WRAP, composition.GROUPS)}
    if entry.kind != "task":
        return content
    brings = [{f"override /{kind}": brought(entry, kind)} for kind in ("model", "loss")]
    return {"defaults": [*brings, "_self_"], "task": content}


def brought(task: Entry, kind: Kind) -> str | None:
    """The name of the model or loss that a task brings; `auto` where its data decide."""
    name = task.traits.get(kind)
    return name if name is None or isinstance(name, str) else AUTO


def _default(hyperparameter: Hyperparameter) -> Any:
    """A default as Hydra composes it; that of an optimizer within is a mapping that takes its hyperparameters."""
    if not hyperparameter.nested:
        return _plain(hyperparameter.default)
    return _plain({} if hyperparameter.default is None else {"name": hyperparameter.default})


def _plain(value: Any) -> Any:
    """A default as Hydra composes it; a mapping is open: it takes keys that it does not have yet."""
    if isinstance(value, dict):
        from omegaconf import OmegaConf

        return OmegaConf.create(dict(value), flags={"struct": False})
    return list(value) if isinstance(value, tuple) else value
