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


class Nodes(dict[str, Any]):
    """A group of Hydra's store that makes the node of an entry when Hydra looks at it: {name of a file: entry or node}.

    Hydra copies its whole store to compose a configuration, and copies each node again that it loads: a copy of the
    group is the group itself.
    """

    def __getitem__(self, file: str) -> Any:
        content = super().__getitem__(file)
        if isinstance(content, Entry):
            content = self[file] = _config_node(content, file)
        return content

    def __deepcopy__(self, memo: Any) -> "Nodes":
        return self

    def __reduce__(self) -> Any:  # launchers of other packages pickle the store
        return dict, ({file: self[file] for file in self},)


def store() -> None:
    """Give Hydra a node for every registered entry."""
    from hydra.core.config_store import ConfigStore

    groups = ConfigStore.instance().repo
    ConfigStore.instance().store(group="loss", name=AUTO, node={"name": AUTO}, package="loss", provider="padl")
    for kind in KINDS:
        groups[kind] = Nodes(groups.get(kind, {}) | {f"{entry.name}.yaml": entry for entry in names.of(kind)})


def _config_node(entry: Entry, file: str) -> Any:
    from hydra.core.config_store import ConfigNode
    from omegaconf import OmegaConf

    package = "_global_" if entry.kind == "task" else entry.kind
    return ConfigNode(file, OmegaConf.create(_node(entry)), entry.kind, package, "padl")


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
