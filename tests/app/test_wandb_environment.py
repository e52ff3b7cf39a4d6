"""What the environment says of W&B is done where no key says otherwise, and a line tells what is not done."""

import os

import pytest
from wandb_records import of_type

import padl
from padl.app.settings import WandbSettings
from padl.app.wandb_environment import KEYS, completed, environment, lines, with_defaults
from padl.types import PadlError

TINY = {"task": "surface", "steps": 4, "devices": 1}
VALUES = {
    "WANDB_PROJECT": ("project", "theirs"),
    "WANDB_ENTITY": ("entity", "team"),
    "WANDB_RUN_GROUP": ("group", "g"),
    "WANDB_NAME": ("name", "n"),
    "WANDB_JOB_TYPE": ("job_type", "j"),
    "WANDB_NOTES": ("notes", "a, b"),
    "WANDB_TAGS": ("tags", ["a", "b"]),
    "WANDB_RUN_ID": ("id", "abc"),
}


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)


def used(config, alone=True):
    """The settings that a configuration comes to, and the lines that are said of it."""
    wandb = {key: tuple(v) if key == "tags" else v for key, v in (completed(config, alone).get("wandb") or {}).items()}
    settings = with_defaults(WandbSettings(**wandb))
    return settings, list(lines(config, settings))


def test_without_variables_a_run_is_offline_in_the_project_padl():
    settings, said = used({})
    assert (settings.mode, settings.project, settings.id, said) == ("offline", "padl", None, [])


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_fills_the_place_of_its_key_and_a_key_rules_over_it(monkeypatch, name):
    key, value = VALUES[name]
    monkeypatch.setenv(name, " a,b ," if key == "tags" else value)
    settings, said = used({"wandb": {"mode": None, key: [] if key == "tags" else None}})
    assert (getattr(settings, key), said) == (tuple(value) if key == "tags" else value, [])
    settings, said = used({"wandb": {key: ["own"] if key == "tags" else "own"}})
    assert getattr(settings, key) == (("own",) if key == "tags" else "own")
    assert [line.startswith(f"{name}=") and "is not used: wandb." in line for line in said] == [True]


def test_every_variable_with_a_key_is_tried_here():
    assert KEYS.keys() - VALUES.keys() == {"WANDB_MODE", "WANDB_RESUME"}


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({"WANDB_MODE": "disabled"}, "disabled"),
        ({"WANDB_MODE": "dryrun"}, "offline"),
        ({"WANDB_MODE": "run"}, "online"),
        ({"WANDB_DISABLED": "true"}, "disabled"),
        ({"WANDB_DISABLED": "false"}, "offline"),
        ({"WANDB_DISABLED": "true", "WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_the_mode_of_the_environment_is_taken(monkeypatch, variables, mode):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert used({})[0].mode == mode


def test_online_by_the_environment_alone_is_said_and_a_key_keeps_it_here(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "online")
    settings, said = used({})
    assert settings.mode == "online"
    assert said == ["WANDB_MODE=online is set: this goes online, where wandb.mode=offline would keep it here"]
    assert used({"wandb": {"mode": "online"}})[1] == []
    for mode in ("offline", "disabled"):
        settings, said = used({"wandb": {"mode": mode}})
        assert (settings.mode, said) == (mode, [f"WANDB_MODE=online is not used: wandb.mode={mode} is given"])


def test_a_disabled_run_is_not_refused_for_a_name_that_nobody_gets(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setenv("WANDB_PROJECT", "a/b")
    assert used({})[1] == []


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"WANDB_MODE": "onlin"}, "WANDB_MODE=onlin in the environment; did you mean 'online'"),
        ({"WANDB_MODE": "shared"}, "WANDB_MODE=shared in the environment"),
        ({"WANDB_PROJECT": "a/b"}, "WANDB_PROJECT of the environment: wandb.project=a/b: W&B takes none of"),
        ({"WANDB_TAGS": "t" * 65}, "WANDB_TAGS of the environment: wandb.tags: .* has 65 characters"),
        ({"WANDB_RUN_ID": "a/b"}, "WANDB_RUN_ID of the environment: wandb.id=a/b"),
        ({"WANDB_RESUME": "maybe", "WANDB_RUN_ID": "a"}, r"WANDB_RESUME=maybe in the environment \(PADL takes: allow"),
    ],
)
def test_a_value_that_wandb_would_refuse_is_refused_with_the_name_of_its_variable(monkeypatch, variables, message):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(PadlError, match=message):
        padl.train(**TINY, run={"dir": "runs"}, wandb={"tags": []})
    assert not os.path.exists("runs")


def test_resume_needs_an_id_and_is_no_search_for_the_last_run(monkeypatch):
    monkeypatch.setenv("WANDB_RESUME", "must")
    settings, said = used({})
    assert (settings.resume, len(said)) == (None, 1)
    monkeypatch.setenv("WANDB_RUN_ID", "abc")
    settings, said = used({"wandb": {"mode": "online"}})
    assert (settings.id, settings.resume, said) == ("abc", "must", [])
    assert ["wandb.resume=must is for online runs" in line for line in used({})[1]] == [True]
    monkeypatch.setenv("WANDB_RESUME", "auto")
    settings, said = used({})
    assert settings.resume is None
    assert [line.startswith("WANDB_RESUME=auto is not used") for line in said] == [True]


def test_a_run_that_wandbs_agent_started_is_where_its_sweep_is(monkeypatch):
    for name in ("WANDB_SWEEP_ID", "WANDB_PROJECT", "WANDB_RUN_ID"):
        monkeypatch.setenv(name, "theirs")
    settings, said = used({"wandb": {"project": "own", "name": "n"}})
    assert (settings.project, settings.id, settings.name) == ("theirs", "theirs", "n")
    assert said == ["wandb.project=own is not used: a run of W&B's sweep theirs has that of WANDB_PROJECT"]


@pytest.mark.parametrize("alone", [True, False])
def test_the_sweep_of_wandbs_agent_is_not_that_of_other_runs(monkeypatch, alone):
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    if not alone:
        monkeypatch.setenv("WANDB_RUN_ID", "r1")
    line = "WANDB_SWEEP_ID=s1 is not used: it is of single runs that `wandb agent` starts"
    assert [said for said in used({}, alone)[1] if "SWEEP" in said] == [line]


def test_members_of_a_sweep_do_not_share_the_id_of_the_environment(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "abc")
    settings, said = used({}, alone=False)
    assert settings.id is None
    assert said == ["WANDB_RUN_ID=abc is not used: every run of a sweep has an id of its own"]


def test_what_wandb_never_gets_from_padl_is_said(monkeypatch):
    monkeypatch.setenv("WANDB_CONSOLE", "wrap")
    monkeypatch.setenv("WANDB_SAVE_CODE", "false")
    assert used({})[1] == ["WANDB_CONSOLE=wrap is not used: PADL gives W&B no console output"]


def test_a_configuration_is_left_alone_where_its_own_mode_is_disabled(monkeypatch):
    for name, (_, value) in VALUES.items():
        monkeypatch.setenv(name, ",".join(value) if isinstance(value, list) else value)
    config = {"wandb": {"mode": "disabled"}}
    assert completed(config, alone=True) == config
    assert environment().keys() == {key for key, _ in VALUES.values()}


def test_a_run_is_what_the_environment_says_and_its_files_are_in_wandb_dir(tmp_path, monkeypatch, capfd):
    for name, (_, value) in VALUES.items():
        monkeypatch.setenv(name, ",".join(value) if isinstance(value, list) else value)
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere" / "deep"))
    made = padl.train(**TINY, run={"dir": "runs"}, wandb={"name": "own"})
    assert made.wandb_folder.parent == tmp_path / "elsewhere" / "deep" / "wandb"
    assert not (made.folder / "wandb").exists()
    (run,) = of_type(made.wandb_folder, "run")
    keys = {"group": "run_group", "name": "display_name", "id": "run_id"}
    wanted = {keys.get(key, key): value for key, value in VALUES.values()} | {"display_name": "own"}
    assert {key: run[key] for key in wanted} == wanted
    assert made.config["wandb"]["project"] == "theirs"
    assert capfd.readouterr().err == "padl: WANDB_NAME=n is not used: wandb.name=own is given\n"


def test_a_wandb_dir_that_cannot_be_written_costs_a_line(tmp_path, monkeypatch, capfd):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file"))
    made = padl.train(**TINY, run={"dir": "runs", "plot": False}, wandb={"mode": "offline"})
    assert made.wandb_folder.parent == made.folder / "wandb"
    assert "cannot be written to" in capfd.readouterr().err


def test_disabled_by_the_environment_needs_no_folder(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert padl.train(**TINY, wandb={"project": "x"}).wandb_folder is None
