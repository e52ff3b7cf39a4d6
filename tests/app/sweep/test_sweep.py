"""`padl train -m`, `padl.sweep` and what they leave: the plan, one folder a member, the results, and every mistake."""

import csv
import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import yaml

import padl
from padl.app.run_spec import check
from padl.app.sweep import programs, results, selection
from padl.app.sweep.members import Requested, check_all, swept
from padl.app.sweep.run import Sweep
from padl.app.warm_start import WarmStarts
from padl.cli.hydra import app, jobs
from padl.cli.main import main
from padl.engine import sweep as engine
from padl.runs import run_folder

COMPILE = "/jax/core/compile/backend_compile_duration"
SMALL = (
    "model.widths=[4]",
    "steps=30",
    "log_every=10",
    "eval_every=15",
    "steps_per_call=10",
    "progress=none",
    "devices=2",
)
QUIET = ("wandb.mode=disabled", "run.plot=false")
GRID = ("optimizer=adam,sgd", "optimizer.learning_rate=0.01,0.1", "seed=0,1")


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """A sweep of eight runs in two programs, with pictures and W&B; shared by the tests that read what it leaves."""
    place = tmp_path_factory.mktemp("sweep")
    heard = []
    jax.monitoring.register_event_duration_secs_listener(listener := lambda name, *_, **__: heard.append(name))
    main(["train", "-m", *GRID, *SMALL, f"run.dir={place}", "sweep.curves=1"])
    jax.monitoring.unregister_event_duration_listener(listener)
    (folder,) = place.iterdir()
    return folder, heard.count(COMPILE)


def table(folder):
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


def member(folder, **values):
    asked = {f"optimizer.{k}" if k == "learning_rate" else k: v for k, v in values.items()}
    (row,) = [row for row in table(folder) if asked.items() <= row.items()]
    return folder / row["folder"]


def refused(call, *arguments):
    code, out, err = call(*arguments)
    assert code == 2
    assert out == ""
    return err


def test_a_sweep_compiles_as_many_programs_as_it_has_structures(grid):
    assert grid[1] == 2


def test_the_plan_comes_first_and_the_ranking_last(padl_command):
    code, out, err = padl_command("train", "-m", *GRID, *SMALL, *QUIET)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "8 runs in 2 programs (adam: 4, sgd: 4), vmap over 2 cpu devices"
    assert "ranked by best eval/accuracy" in out
    assert lines[-1].startswith("folder")


def test_every_member_has_the_files_of_a_run_alone_and_its_overrides(grid):
    folders = [path for path in grid[0].iterdir() if (path / "config.yaml").exists()]
    assert len(folders) == 8
    files = {"config.yaml", "title.json", "env.json", "metrics.jsonl", "summary.json", "status.json", "checkpoint"}
    files |= {"wandb"}
    for folder in folders:
        assert files <= {file.name for file in folder.iterdir()}
        assert run_folder.read_json(folder / "status.json")["status"] == "finished"
        assert "steps=30" in json.loads((folder / "overrides.json").read_text())
    drawn = [folder for folder in folders if (folder / "curves.png").exists()]
    assert len(drawn) == 1  # sweep.curves


def test_the_sweeps_folder_has_the_table_the_plan_and_the_pictures(grid):
    rows = table(grid[0])
    assert [int(row["member"]) for row in rows] == list(range(8))
    assert {row["status"] for row in rows} == {"finished"}
    best = max(float(row["objective"]) for row in rows)
    told = run_folder.read_json(grid[0] / "sweep.json")
    assert [p["label"] for p in told["programs"]] == ["adam", "sgd"]
    assert told["objective"] == {"metric": "eval/accuracy", "direction": "max"}
    assert told["ranking"][0]["mean"] <= best
    reached = [row for row in rows if row["steps_to_target"]]
    assert len(reached) >= 4  # the target is the median
    assert {f.name for f in grid[0].glob("*.png")} == {"by_optimizer.learning_rate.png", "best_curves.png"}


def test_a_member_is_the_run_alone(grid, padl_command, tmp_path):
    folder = member(grid[0], optimizer="adam", learning_rate="0.01", seed="1")
    padl_command(
        "train", "seed=1", "optimizer.learning_rate=0.01", *SMALL[:-1], "devices=1", *QUIET, f"run.dir={tmp_path}"
    )
    (alone,) = tmp_path.glob("*adam*")
    ours, theirs = run_folder.read_metrics(folder), run_folder.read_metrics(alone)
    assert [row.keys() for row in ours] == [row.keys() for row in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert a == pytest.approx(b, rel=1e-3)  # 30 steps of float32
    configs = [yaml.safe_load((f / "config.yaml").read_text()) for f in (folder, alone)]
    assert {k: v for k, v in configs[0].items() if k not in ("run", "wandb")} == {
        k: v for k, v in configs[1].items() if k not in ("run", "wandb")
    }


def test_rerun_repeats_a_member_alone_and_an_exact_sweep_gives_its_bits(grid, padl_command, tmp_path):
    folder = member(grid[0], optimizer="sgd", learning_rate="0.1", seed="0")
    before = set(grid[0].parent.iterdir())
    code, out, _ = padl_command("rerun", str(folder))
    (again,) = set(grid[0].parent.iterdir()) - before
    assert code == 0
    assert str(again) in out
    command = ("optimizer=sgd", "optimizer.learning_rate=0.1,0.01", "seed=0", *SMALL[:-1], *QUIET, "sweep.exact=true")
    padl_command("train", "-m", *command, f"run.dir={tmp_path}")
    (exact,) = tmp_path.iterdir()
    ours = member(exact, learning_rate="0.1")
    assert (ours / "metrics.jsonl").read_bytes() == (again / "metrics.jsonl").read_bytes()
    for name in ("final", "best"):
        file = f"checkpoint/{name}.msgpack"
        assert (ours / file).read_bytes() == (again / file).read_bytes()


def test_a_members_parameters_load_and_evaluate_as_it_said(grid):
    folder = member(grid[0], optimizer="adam", learning_rate="0.1", seed="0")
    again = padl.evaluate(folder)
    assert again == pytest.approx(run_folder.read_json(folder / "summary.json")["final"], rel=1e-5)
    assert padl.load(folder)(np.zeros((2, 8, 8, 1))).shape == (2, 10)


def test_the_basic_launcher_gives_the_same_numbers(grid, padl_command, tmp_path):
    code, _, err = padl_command(
        "train", "-m", "hydra/launcher=basic", "optimizer.learning_rate=0.01,0.1", "seed=0", *SMALL[:-1], "devices=1",
        *QUIET, f"run.dir={tmp_path}",
    )  # fmt: skip
    assert (code, err) == (0, "")
    large = lambda folder: (folder / "config.yaml").read_text().count("learning_rate: 0.1")  # noqa: E731
    first, second = sorted(tmp_path.iterdir(), key=large)
    for folder, rate in ((first, "0.01"), (second, "0.1")):
        ours = run_folder.read_json(member(grid[0], optimizer="adam", learning_rate=rate, seed="0") / "summary.json")
        assert run_folder.read_json(folder / "summary.json")["final"] == pytest.approx(ours["final"], rel=1e-3)


def test_a_diverging_member_is_marked_and_ranked_last_and_the_others_do_not_notice(padl_command, tmp_path):
    rates = "optimizer.learning_rate=0.1,1e30,0.01,0.2"
    code, out, _ = padl_command("train", "-m", "optimizer=sgd", rates, *SMALL, *QUIET, f"run.dir={tmp_path}/a")
    assert code == 0  # the others finished
    assert "1 run diverged" in out
    (folder,) = (tmp_path / "a").iterdir()
    rows = {row["optimizer.learning_rate"]: row for row in table(folder)}
    assert rows["1e+30"]["status"] == "diverged"
    ill = folder / rows["1e+30"]["folder"]
    assert run_folder.read_json(ill / "status.json")["step"] == int(rows["1e+30"]["step"]) < 30
    assert run_folder.read_metrics(ill)[-1]["step"] == int(rows["1e+30"]["step"])
    assert run_folder.read_json(folder / "sweep.json")["ranking"][-1]["values"] == {"optimizer.learning_rate": 1e30}
    padl_command("train", "-m", "optimizer=sgd", rates.replace("1e30", "0.3"), *SMALL, *QUIET, f"run.dir={tmp_path}/b")
    (healthy,) = (tmp_path / "b").iterdir()
    for rate in ("0.1", "0.01", "0.2"):
        a, b = (member(f, learning_rate=rate) / "metrics.jsonl" for f in (folder, healthy))
        assert a.read_bytes() == b.read_bytes()


def test_what_is_wrong_with_any_member_is_said_at_once_and_nothing_is_run(padl_command, tmp_path):
    rates = ",".join([str(0.001 * i) for i in range(1, 99)] + ["-1", "0"])
    err = refused(padl_command, "train", "-m", f"optimizer.learning_rate={rates}", *SMALL, f"run.dir={tmp_path}/runs")
    assert err.startswith("padl: 2 of 100 runs are refused, and none was started:")
    assert "optimizer.learning_rate=-1.0 is outside its domain (0, inf)" in err
    assert "optimizer.learning_rate=0.0 is outside" in err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("seed=range(0,0)",), "no run: one of its ranges or lists is empty"),
        (("seed=range(0,3",), "seed=range(0,3 does not parse"),
        (("optimizer.learning_rate=interval(0,1)",), "add hydra/sweeper=padl_optuna"),
        (("optimizer.rate=1,2",), "optimizer 'adam' has no key 'optimizer.rate'"),
        (("optimizr.learning_rate=1,2",), "did you mean 'optimizer.learning_rate'?"),
        (("optimizer=adam,sdg",), "no optimizer 'sdg'; did you mean 'sgd'?"),
        (("optimizer=choice(adam,sdg)",), "no optimizer 'sdg'; did you mean 'sgd'?"),
        (("+sweep=lecture_optimizer",), "no sweep 'lecture_optimizer'; did you mean 'lecture_optimizers'?"),
        (("seed=0,1", "sweep.strategy=fast"), "sweep.strategy='fast' is not one of auto, vmap, map"),
        (("seed=0,1", "sweep.chunk=0"), "outside its domain"),
        (("seed=0,1", "sweep.objective=accuracy"), "did you mean 'eval/accuracy'?"),
        (("seed=0,1", "sweep.objective=eval/acuracy"), "no metric 'eval/acuracy'; did you mean 'eval/accuracy'?"),
        (("seed=0,1", "sweep.over=[optimizer.b1]"), "add hydra/sweeper=padl_optuna"),
        (("seed=0,1", "sweep.objective=train/learning_rate"), "no metric 'train/learning_rate'"),
        (("seed=0,1", "sweep.exact=true", "sweep.chunk=2"), "leave sweep.strategy and sweep.chunk out"),
        (("device=cpu,gpu",), "device is one for the whole sweep"),
        (("run.plot=true,false",), "run.plot is one for the whole sweep"),
        (("run.dir=a,b",), "run.dir is one for the whole sweep"),
        (("seed=0,1", "run.dir=/dev/null/here"), "no folder can be made there"),
        (("seed=0,1", "devices=64"), "devices=64: there are 4 on cpu"),
    ],
)
def test_a_mistake_in_a_sweep_is_one_line(padl_command, tmp_path, arguments, says):
    err = refused(padl_command, "train", "-m", *arguments)
    assert says in err
    assert err.count("\n") == 1 + err.startswith("padl: 1 of 2 runs are refused")
    assert not list(tmp_path.iterdir())


def test_a_key_that_only_some_structures_have_is_refused_for_the_others_by_name(padl_command):
    err = refused(padl_command, "train", "-m", "task=surface", "optimizer=adam,sgd", "optimizer.b1=0.9,0.8")
    assert err.startswith("padl: 2 of 4 runs are refused, and none was started:")
    assert "optimizer 'sgd' has no key 'optimizer.b1'" in err
    assert "[optimizer=sgd optimizer.b1=0.9 and 1 more]" in err


def test_progress_tells_the_best_so_far(padl_command, monkeypatch):
    from padl.runs import console

    monkeypatch.setattr(console, "PLAIN_SECONDS", 0.0)
    words = [word for word in SMALL if not word.startswith("progress")]
    _, _, err = padl_command(
        "train", "-m", "optimizer.learning_rate=0.5,0.1", *words, *QUIET, "progress=plain", "run.dir=null"
    )
    told = [float(line.split("best accuracy ")[1].split()[0]) for line in err.splitlines() if "best accuracy" in line]
    assert told
    assert told == sorted(told)


def test_a_runs_own_command_takes_no_key_of_sweeps(padl_command):
    assert "add -m" in refused(padl_command, "train", "sweep.exact=true")


def test_a_member_that_is_asked_for_twice_is_run_once_and_that_is_said(padl_command, tmp_path):
    code, out, _ = padl_command("train", "-m", "seed=0,1,0", *SMALL, *QUIET, f"run.dir={tmp_path}/runs")
    assert code == 0
    assert out.startswith("1 run asked for more than once: each is run once\n2 runs in 1 program")


BRANCHES = '''
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule
import optax

@optimizer()
def branching(learning_rate: ScalarOrSchedule = 0.1, threshold: Scalar = 0.5):
    """Branches on its threshold."""
    def update(grads, state, params=None):
        return (grads if threshold > 0.3 else params), state
    rule = optax.GradientTransformation(lambda params: (), update)
    return optax.chain(rule, optax.scale_by_learning_rate(learning_rate))
'''


def test_a_plugin_that_branches_on_a_scalar_is_told_which_one(tmp_path):
    (tmp_path / "branching.py").write_text(BRANCHES)
    done = subprocess.run(
        [sys.executable, "-m", "padl", "train", "-m", "optimizer=branching", "optimizer.threshold=0.1,0.9", "steps=5"],
        env=os.environ | {"PADL_PLUGINS": str(tmp_path)}, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "decides a Python branch by the value of optimizer.threshold" in done.stderr
    assert "branching.py:10" in done.stderr
    assert "annotate the argument int, bool or Literal" in done.stderr
    assert done.stderr.count("\n") == 1


def interrupted_after(calls, monkeypatch):
    real = engine.run

    def stopping(*args, **kwargs):
        for i, progress in enumerate(real(*args, **kwargs)):
            yield progress
            if i + 1 == calls:
                raise KeyboardInterrupt

    monkeypatch.setattr(engine, "run", stopping)


def test_ctrl_c_leaves_every_member_that_had_begun_its_rows(padl_command, monkeypatch, tmp_path):
    interrupted_after(2, monkeypatch)
    code, out, err = padl_command("train", "-m", *GRID, *SMALL, *QUIET, f"run.dir={tmp_path}/runs")
    assert code == 130
    assert "stopped" in err
    assert "4 runs interrupted" in out
    assert "4 runs not started" in out
    (folder,) = (tmp_path / "runs").iterdir()
    rows = table(folder)
    assert [row["status"] for row in rows].count("interrupted") == 4
    for row in rows:
        if row["status"] == "interrupted":
            assert run_folder.read_metrics(folder / row["folder"])[-1]["step"] == 15
            assert run_folder.read_json(folder / row["folder"] / "status.json")["status"] == "interrupted"


TOLD_BY_JAX = """INTERNAL: CpuCallback error calling callback: Traceback (most recent call last):
  File "/x/site-packages/jax/_src/debugging.py", line 1, in callback
  File "/home/me/rule.py", line 14, in look
ValueError: no step 100 for me"""


def test_a_program_that_raises_in_training_fails_alone(padl_command, monkeypatch, tmp_path):
    real, started = engine.run, []

    def raising(*args, **kwargs):
        started.append(args)
        for progress in real(*args, **kwargs):
            yield progress
            if len(started) == 1:
                raise jax.errors.JaxRuntimeError(TOLD_BY_JAX)

    monkeypatch.setattr(engine, "run", raising)
    code, out, err = padl_command("train", "-m", *GRID, *SMALL, *QUIET, f"run.dir={tmp_path}/runs")
    assert code == 1
    assert "4 runs failed" in out
    assert err.count("/home/me/rule.py:14, in look: ValueError: no step 100 for me") == 1
    (folder,) = (tmp_path / "runs").iterdir()
    assert sorted(row["status"] for row in table(folder)) == ["failed"] * 4 + ["finished"] * 4
    reasons = [run_folder.read_json(file)["reason"] for file in folder.glob("*/status.json")]
    assert sum("rule.py:14" in reason for reason in reasons) == 4


def test_where_all_programs_raise_the_sweep_does(monkeypatch):
    def raising(*args, **kwargs):
        raise ZeroDivisionError("at once")
        yield

    monkeypatch.setattr(engine, "run", raising)
    with pytest.raises(padl.PadlError, match="ZeroDivisionError: at once"):
        padl.sweep("surface", over={"seed": [0, 1]}, steps=4)


def test_above_the_limit_wandb_gets_one_run_with_a_table(padl_command, tmp_path):
    padl_command(
        "train", "-m", "seed=range(0,3)", *SMALL, "run.plot=false", "wandb.max_runs=2", f"run.dir={tmp_path}/runs"
    )
    (folder,) = (tmp_path / "runs").iterdir()
    assert len(list(folder.glob("wandb/offline-run-*"))) == 1
    assert list(folder.glob("wandb/offline-run-*/files/media/table/results*"))
    assert not list(folder.glob("0*/wandb"))


def test_composing_once_and_patching_gives_what_hydra_composes():
    seen = []
    overrides = [
        ["optimizer=sgd", "optimizer.learning_rate=0.3", "seed=3"],
        ["optimizer=adam", "tags=x", "clip_norm=1.5"][:1],
    ]
    overrides.append(["optimizer=adam", "clip_norm=1.5", "model.widths=[3,4]", "wandb.name='a b'", "run.dir=null"])
    overrides.append(["task=surface", "task.start=[0.5,-0.5]", "+experiment=null"][:2])

    class Compare(app.TaskFunction):
        def launch(self, launcher, job_overrides, first):
            from omegaconf import OmegaConf

            patched = jobs.compose(launcher, overrides, 0)
            for job, request in zip(overrides, patched, strict=True):
                whole = launcher.hydra_context.config_loader.load_sweep_config(launcher.config, list(job))
                expected = OmegaConf.to_container(whole)
                expected.pop("hydra", None)
                seen.append(request.config == expected)
            return []

    app.compose_and_call(["-m", "seed=0,1"], Compare(lambda config: None))
    assert seen == [True] * len(overrides)


def test_from_python_a_sweep_is_a_tidy_table():
    found = padl.sweep(
        model={"name": "mlp", "widths": [4]},
        over={"learning_rate": [0.01, 0.1], "seed": range(2), "optimizer": ["adam", "sgd"]},
        steps=30, eval_every=15, devices=2,
    )  # fmt: skip
    assert len(found.rows) == 8
    assert found.swept == ["optimizer.learning_rate", "seed", "optimizer"]
    assert set(found.column("optimizer")) == {"adam", "sgd"}
    assert found.best.keys() == {"optimizer.learning_rate", "optimizer"}
    assert found.ranked[0].n == 2
    steps, values = found.histories[0]
    assert steps.tolist() == [15, 30]
    assert values.max() == pytest.approx(found.rows[0]["objective"])
    assert found.folder is None


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"lerning_rate": [1]}, "did you mean 'learning_rate'?"),
        ({"learning_rate": 0.1}, "must be a list of values"),
        ({"learning_rate": []}, "no run"),
        ({"optimizer": ["adm"]}, "did you mean 'adam'?"),
        (None, "must be keys with lists of values"),
        ({1: [1]}, "must be keys with lists of values"),
        ({"steps.x": [1]}, "no key 'steps.x'"),
        ({"learning_rate": [0.1], "optimizer.learning_rate": [0.2]}, "the same key twice"),
    ],
)
def test_a_mistake_from_python_is_a_padl_error(over, says):
    with pytest.raises(padl.PadlError, match=says.replace("?", r"\?")):
        padl.sweep(over=over)


def test_seeds_and_scalars_share_a_program_and_whole_numbers_do_not():
    requests = [
        Requested([], {}, {"task": "digits", **changed})
        for changed in (
            {}, {"seed": 3}, {"optimizer": {"name": "adam", "b1": 0.5}}, {"clip_norm": 1.0}, {"clip_norm": 2.0},
            {"model": {"name": "mlp", "widths": [8]}}, {"batch_size": 32},
            {"task": {"name": "digits", "held_out": 0.5}},
        )
    ]  # fmt: skip
    keys = [programs._program(spec, WarmStarts()) for spec in check_all(requests, {})]
    same = [keys.index(key) for key in keys]
    assert same == [0, 0, 0, 3, 3, 5, 6, 7]


def test_an_objective_that_the_task_does_not_declare_is_refused_and_how_to_declare_it_is_said(
    padl_command, monkeypatch
):
    from padl.tasks import regression

    monkeypatch.setattr(regression, "METRICS", tuple(m for m in regression.METRICS if m.name != "mae"))
    err = refused(padl_command, "train", "-m", "task=permeability", "seed=0,1", *SMALL, "sweep.objective=eval/mae")
    assert "sweep.objective=eval/mae: task 'permeability' does not say which way it is better" in err
    assert """add Metric("mae", "max") or Metric("mae", "min") to the task's `metrics`""" in err
    assert err.count("\n") == 1


def test_the_direction_of_an_objective_is_that_of_the_metrics_declaration(tmp_path):
    requests = [Requested([], {}, {"task": "permeability", "sweep": {"objective": f"eval/{n}"}}) for n in ("r2", "mae")]
    assert [selection.of(spec) for spec in (check_all([request], {})[0] for request in requests)] == [
        ("eval/r2", "max"),
        ("eval/mae", "min"),
    ]


def test_lines_go_to_whom_the_sweep_is_told_and_else_nowhere(capsys):
    config = {"task": "surface", "steps": 10, "run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}
    requests = [Requested([f"seed={seed}"], {"seed": seed}, {**config, "seed": seed}) for seed in (0, 1, 0)]
    lines = []
    first, second, third = Sweep([], lines.append).launch(requests)
    assert first is third is not second
    assert lines[0] == "1 run asked for more than once: each is run once"
    assert lines[1].startswith("2 runs in 1 program, vmap over ")
    assert len(lines) == 2
    Sweep([]).launch(requests[:1])
    assert capsys.readouterr() == ("", "")


def test_noise_of_a_task_is_data_too():
    found = padl.sweep(
        task="permeability", model={"name": "mlp", "widths": [4]}, over={"noise": [0.0, 0.5], "seed": [0, 1]}, steps=10
    )
    assert [row["status"] for row in found.rows] == ["finished"] * 4
    assert found.objective == ("eval/rmse", "min")


def test_the_csv_has_no_secret(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "canary-secret-123")
    assert "canary" not in results.table_as_csv(
        [{"member": 0, "wandb.name": "canary-secret-123", "objective": math.nan}]
    )


def test_what_is_one_for_the_whole_sweep_tells_no_members_apart():
    first, second = SimpleNamespace(values={"seed": 0, "wandb.mode": "offline"}), SimpleNamespace(values={"seed": 1})
    assert swept([first, second]) == ["seed"]


def test_the_title_of_a_sweep_says_only_what_all_members_share():
    surface = {"task": "surface", "steps": 6, "wandb": {"mode": "disabled"}}
    configs = [{**surface, "experiment": "a", "ema": 0.9, "clip_norm": 1.0}, {**surface, "experiment": "b", "ema": 0.9}]
    requests = [Requested([], {"experiment": config["experiment"]}, config) for config in configs]
    members = [
        SimpleNamespace(spec=spec, values=request.values)
        for spec, request in zip(check_all(requests, {}), requests, strict=True)
    ]
    assert results.title(members) == "rosenbrock adam, steps=6, ema=0.9"


def test_members_of_several_tasks_are_ranked_within_each_and_files_say_so(padl_command, tmp_path):
    words = ("task=permeability,surface", "optimizer.learning_rate=0.1,0.01,0.001", "seed=0,1")
    lengths = [word for word in SMALL if not word.startswith("model")]
    code, out, err = padl_command("train", "-m", *words, *lengths, "wandb.mode=disabled", "sweep.curves=0")
    assert code == 0, err
    for task, metric in (("permeability mlp adam", "eval/rmse"), ("rosenbrock adam", "eval/loss")):
        (heading,) = [line for line in out.splitlines() if line.startswith(f"{task}, steps=30, ")]
        assert heading.endswith(f"ranked by best {metric} (lower is better)")
    (folder,) = (tmp_path / "runs").iterdir()
    rows = table(folder)
    assert [row["member"] for row in rows] == [str(i) for i in range(12)]
    assert {(row["task"], row["objective_of"]) for row in rows} == {
        ("permeability", "eval/rmse"),
        ("surface", "eval/loss"),
    }
    told = json.loads((folder / "sweep.json").read_text())
    assert (told["objective"], told["ranking"]) == (None, [])
    for task, ranking in told["of_each"].items():
        of_task = [row for row in rows if row["task"] == task]
        assert ranking["objective"] == {"metric": of_task[0]["objective_of"], "direction": "min"}
        assert [setting["n"] for setting in ranking["ranking"]] == [2, 2, 2]
        first = [float(row["objective"]) for row in of_task if int(row["member"]) in ranking["ranking"][0]["members"]]
        assert ranking["ranking"][0]["mean"] == pytest.approx(sum(first) / 2)
        means = [setting["mean"] for setting in ranking["ranking"]]
        assert means == sorted(means)
        reached = [row["steps_to_target"] for row in of_task if float(row["objective"]) <= ranking["target"]]
        assert all(reached)
    (line,) = json.loads(padl_command("runs", "--json")[1])
    assert [line[name] for name in ("task", "model", "optimizer")] == ["permeability,surface", "mlp", "adam"]
    pictures = {file.name for file in folder.glob("*.png")}
    assert {f"{task}_best_curves.png" for task in told["of_each"]} <= pictures


def test_results_of_several_tasks_show_themselves_and_have_a_ranking_for_each():
    found = padl.sweep(over={"task": ["surface", "permeability"], "learning_rate": [0.1, 0.01]}, steps=3)
    assert (found.ranked, found.best, found.objective) == ([], {}, None)
    assert {task: part.objective.metric for task, part in found.of_each.items()} == {
        "surface": "eval/loss",
        "permeability": "eval/rmse",
    }
    assert len(found.rows) == 4
    assert "surface: eval/loss, smaller is better; permeability: eval/rmse, smaller" in " ".join(repr(found).split())
    assert all(part.best["optimizer.learning_rate"] in (0.1, 0.01) for part in found.of_each.values())


def test_a_search_over_tasks_of_different_metrics_is_refused():
    specs = [
        check({"task": task, "run": {"dir": None}, "wandb": {"mode": "disabled"}}) for task in ("digits", "surface")
    ]
    with pytest.raises(padl.PadlError, match=r"not judged by the same metric \(digits by eval/accuracy, surface by"):
        selection.of_all(specs)
