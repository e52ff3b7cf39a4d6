"""conf/: what it holds is what the settings say."""

import yaml

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
