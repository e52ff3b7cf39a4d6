"""conf/: what it holds is what the settings say. The nodes of the registries: made when they are looked at."""

import copy
import pickle

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigNode, ConfigStore

from padl.app.settings import Run, Settings, StartSettings, StopSettings, SweepSettings, WandbSettings, schema
from padl.cli.hydra import nodes

GROUPS = {"start": StartSettings, "stop": StopSettings, "run": Run, "wandb": WandbSettings, "sweep": SweepSettings}


def test_every_knob_of_train_yaml_is_a_setting_and_every_setting_a_knob():
    text = (nodes.conf_folder() / "train.yaml").read_text()
    knobs = yaml.safe_load(text)
    wanted = {
        **{k: h.default for k, h in schema(Settings).items()},
        **{
            name: {k: h.default for k, h in schema(kind).items()}
            for name, kind in (
                ("start", StartSettings),
                ("stop", StopSettings),
                ("run", Run),
                ("wandb", WandbSettings),
                ("sweep", SweepSettings),
            )
        },
    }
    wanted["wandb"]["tags"] = wanted["sweep"]["over"] = wanted["sinks"] = wanted["measure"] = []
    assert {k: v for k, v in knobs.items() if k not in ("defaults", "hydra")} == wanted
    commented = [
        line
        for line in text.splitlines()
        if line and not line.startswith((" ", "#", "hydra", "defaults", "run:", "wandb:", "sweep:"))
    ]
    assert all("#" in line for line in commented)


def made(kind):
    """The names of the files of a group whose nodes there are."""
    return {file for file, content in ConfigStore.instance().repo[kind].items() if isinstance(content, ConfigNode)}


def test_composing_makes_the_nodes_that_it_takes_and_copies_none():
    nodes.store()
    ConfigStore.instance().store(group="optimizer", name="strangers", node={"name": "sgd", "learning_rate": 7.0})
    nodes.store()
    group = ConfigStore.instance().repo["optimizer"]
    assert copy.deepcopy(ConfigStore.instance()).repo["optimizer"] is group
    with initialize_config_dir(str(nodes.conf_folder()), version_base="1.3"):
        rates = [compose("train", [f"optimizer={name}"]).optimizer.learning_rate for name in ("strangers", "lion")]
    assert rates == [7.0, 1e-4]
    assert made("optimizer") >= {"strangers.yaml", "lion.yaml"}
    assert not made("optimizer") & {"soap.yaml", "yogi.yaml"}
    del group["strangers.yaml"]


def test_a_launcher_that_pickles_the_store_has_every_node_of_it():
    nodes.store()
    again = pickle.loads(pickle.dumps(ConfigStore.instance().repo["optimizer"]))
    assert again.keys() >= {"adam.yaml", "soap.yaml", "yogi.yaml"}
    assert all(isinstance(content, ConfigNode) for content in again.values())
    assert again["yogi.yaml"].node.b2 == 0.999
