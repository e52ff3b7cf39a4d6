"""The search: what is drawn and told, that a study goes on where it stopped, what is refused before a trial runs."""

import json
import math
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext

from padl.cli.hydra import app, jobs, nodes
from padl.cli.hydra.search import search
from padl.types import DOMAINS, PadlError

RATE = "optimizer.learning_rate=tag(log,interval(1e-5,1))"
DECAY = "optimizer.b1=interval(0.5,0.99)"
OPTIONS = {"sampler": "random", "trials": 8, "batch": 4, "seed": 0, "storage": None, "study": "padl", "params": {}}


class Launcher:
    """Instead of training, a function of the overrides; keeps every launch."""

    def __init__(self, context, config, value):
        self.hydra_context, self.config, self.value = context, config, value
        self.launches, self.firsts = [], []

    @property
    def jobs(self):
        return [job for launch in self.launches for job in launch]

    def launch(self, job_overrides, initial_job_idx):
        self.launches.append([dict(word.split("=", 1) for word in job) for job in job_overrides])
        self.firsts.append(initial_job_idx)
        return [self._run(job) for job in self.launches[-1]]

    def _run(self, job):
        done = JobReturn(status=JobStatus.COMPLETED)
        try:
            done.return_value = self.value(job)
        except ValueError as error:
            done.status, done.return_value = JobStatus.FAILED, error
        return done


def bowl4(job):
    """Best in the midst of four ranges: 0; about -1 far away."""
    rate, eps = (math.log10(float(job[f"optimizer.{name}"])) for name in ("learning_rate", "eps"))
    b1, b2 = (float(job[f"optimizer.{name}"]) for name in ("b1", "b2"))
    return -(((rate + 2) / 5) ** 2) - ((eps + 4) / 8) ** 2 - (b1 - 0.8) ** 2 - (b2 - 0.6) ** 2


def bowl(job):
    """Best at a learning rate of 1e-2 and b1 = 0.8: 0."""
    rate, b1 = float(job.get("optimizer.learning_rate", 1e-2)), float(job.get("optimizer.b1", 0.8))
    return -((math.log10(rate) + 2) ** 2) - (b1 - 0.8) ** 2


@pytest.fixture(scope="module")
def hydra():
    """Hydra's context and configuration. What it composes is kept: it takes a tenth of a second for each search."""
    nodes.store()
    with initialize_config_dir(str(nodes.conf_folder()), version_base="1.3"):
        config = compose("train", return_hydra_config=True)
        state = GlobalHydra.instance().hydra
        assert state is not None
    kept, composed = {}, jobs._compose

    def keeping(loader, master, overrides, number):
        if overrides not in kept:
            kept[overrides] = composed(loader, master, overrides, number)
        return kept[overrides]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jobs, "_compose", keeping)
        yield HydraContext(config_loader=state.config_loader, callbacks=Callbacks()), config


@pytest.fixture
def find(hydra):
    """Search: (what it returns, the launcher, what it told the sweep)."""

    def run(*words, value=bowl, **options):
        context, config = hydra
        launcher = Launcher(context, config, value)
        sweep = SimpleNamespace(expected=None, bounds=None)
        expect = lambda members, bounds: vars(sweep).update(expected=members, bounds=bounds)  # noqa: E731
        sweeper = SimpleNamespace(
            options={**OPTIONS, **options},
            config=config,
            hydra_context=context,
            launcher=launcher,
            task_function=SimpleNamespace(expect=expect),
        )
        run.launcher = launcher
        return search(sweeper, list(words)), launcher, sweep

    return run


class TestBatches:
    @pytest.mark.parametrize(("trials", "batch", "sizes"), [(8, 4, [4, 4]), (5, 4, [4, 1]), (3, 8, [3])])
    def test_a_batch_is_one_launch_and_jobs_are_numbered_on(self, find, trials, batch, sizes):
        _, launcher, sweep = find(RATE, trials=trials, batch=batch)
        assert [len(launch) for launch in launcher.launches] == sizes
        assert launcher.firsts == [sum(sizes[:i]) for i in range(len(sizes))]
        assert sweep.expected == trials

    def test_each_trial_is_run_for_every_seed_and_told_the_mean(self, find):
        found, launcher, sweep = find(
            RATE, "seed=range(0,3)", trials=2, batch=2, value=lambda job: bowl(job) + float(job["seed"])
        )
        assert [job["seed"] for job in launcher.jobs] == ["0", "1", "2"] * 2
        assert len({job["optimizer.learning_rate"] for job in launcher.jobs}) == 2
        assert len(launcher.launches) == 1
        assert sweep.expected == 6
        best = max(bowl(job) for job in launcher.jobs)
        assert found["best_value"] == pytest.approx(best + 1, rel=1e-12)  # rounding of a sum of three

    def test_fixed_overrides_go_to_every_trial(self, find):
        _, launcher, _ = find(RATE, "model.widths=[8,8]", "seed=7", trials=3)
        assert all((job["model.widths"], job["seed"]) == ("[8,8]", "7") for job in launcher.jobs)

    def test_the_last_word_on_a_key_holds_and_the_configuration_speaks_first(self, find):
        _, launcher, _ = find(RATE, "steps=20", "steps=30", trials=2, params={"steps": 10, DECAY.split("=")[0]: "0.9"})
        assert all((job["steps"], job["optimizer.b1"]) == ("30", "0.9") for job in launcher.jobs)
        _, launcher, _ = find(trials=2, params={"optimizer.b1": "interval(0.6,0.7)"})
        assert all(0.6 <= float(job["optimizer.b1"]) <= 0.7 for job in launcher.jobs)


class TestRanges:
    @pytest.mark.parametrize(
        ("range_", "fits"),
        [
            ("optimizer.b1=interval(0.5,0.9)", lambda x: 0.5 <= float(x) <= 0.9),
            ("steps=range(2,5)", lambda x: x in ("2", "3", "4")),
            ("steps=range(10,50,10)", lambda x: x in ("10", "20", "30", "40")),
            ("steps=range(50,10,-20)", lambda x: x in ("50", "30")),
            ("steps=int(interval(1,3))", lambda x: x in ("1", "2", "3")),
            ("steps=tag(log,range(1,1000))", lambda x: 1 <= int(x) < 1000),
            ("optimizer.b1=range(0.1,0.6,0.1)", lambda x: x in ("0.1", "0.2", "0.3", "0.4", "0.5")),
            ("steps=7,9", lambda x: x in ("7", "9")),
            ("optimizer=choice(adam,sgd)", lambda x: x in ("adam", "sgd")),
            ("model.widths=[8],[8,8]", lambda x: x in ("[8]", "[8,8]")),
            ("steps=range(3,4)", lambda x: x == "3"),
        ],
        ids=lambda x: x if isinstance(x, str) else "",
    )
    def test_what_is_drawn_is_of_the_range(self, find, range_, fits):
        key = range_.partition("=")[0]
        _, launcher, _ = find(range_, value=lambda job: 0.0)
        drawn = [job[key] for job in launcher.jobs]
        assert all(map(fits, drawn)), drawn
        assert len(set(drawn)) > 1 or range_ == "steps=range(3,4)"

    def test_a_float_loses_no_digit_on_its_way(self, find):
        found, launcher, _ = find(RATE)
        best = max(launcher.jobs, key=bowl)
        assert found["best_evaluated_params"] == {"optimizer.learning_rate": float(best["optimizer.learning_rate"])}

    def test_a_logarithmic_range_is_even_in_the_logarithm(self, find):
        _, launcher, _ = find(RATE, trials=64, batch=64)
        below = sum(float(job["optimizer.learning_rate"]) < 10**-2.5 for job in launcher.jobs)
        assert 20 <= below <= 44  # half of 64, by three standard errors

    def test_keys_of_sweep_over_have_their_registered_ranges(self, find):
        over = ["optimizer.learning_rate", "optimizer.b2", "clip_norm", "ema"]
        _, launcher, sweep = find(f"sweep.over=[{','.join(over)}]", trials=64, batch=64)
        for key in over:
            low, high = DOMAINS[key.rpartition(".")[2]].search or (0, 0)
            assert sweep.bounds[key] == (low, high)
            assert all(low <= float(job[key]) <= high for job in launcher.jobs)
        near_one = sum(float(job["optimizer.b2"]) > 0.9968 for job in launcher.jobs)  # 1 - 0.9968 = √(0.1 · 0.0001)
        assert 20 <= near_one <= 44  # half of 64: evenly in the logarithm of 1 - b2, by three standard errors

    def test_the_entry_of_the_command_line_decides_what_sweep_over_means(self, find):
        _, launcher, _ = find("optimizer=momentum", "sweep.over=[optimizer.momentum]", value=lambda job: 0.0)
        assert all(0.5 <= float(job["optimizer.momentum"]) <= 0.99 for job in launcher.jobs)

    def test_sweep_over_and_a_range_search_together(self, find):
        _, launcher, sweep = find("sweep.over=[optimizer.learning_rate]", DECAY, "optimizer=adam,nadam")
        assert set(launcher.jobs[0]) >= {"optimizer.learning_rate", "optimizer.b1", "optimizer"}
        assert set(sweep.bounds) == {"optimizer.learning_rate", "optimizer.b1"}


class TestSamplers:
    @pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
    def test_a_sampler_draws_different_settings_and_the_same_ones_again(self, find, sampler, capfd):
        drawn = []
        for seed in (0, 0, 1):
            found, launcher, _ = find(RATE, DECAY, sampler=sampler, trials=24, batch=8, seed=seed)
            drawn.append([job["optimizer.learning_rate"] for job in launcher.jobs])
            assert found["best_value"] == max(map(bowl, launcher.jobs))
        assert len(set(drawn[0])) == 24
        assert drawn[0] == drawn[1] != drawn[2]
        out, err = capfd.readouterr()
        assert (out.count("\n"), err) == (3, "")

    @pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
    def test_a_sampler_that_learns_comes_closer_than_chance(self, find, sampler):
        four = [RATE, "optimizer.eps=tag(log,interval(1e-10,1e-2))"]
        four += [f"optimizer.{b}=interval(0,0.99)" for b in ("b1", "b2")]

        def distance(name):
            seeds = range(2)
            return -sum(find(*four, value=bowl4, sampler=name, trials=64, seed=seed)[0]["best_value"] for seed in seeds)

        assert distance(sampler) < 0.5 * distance("random")  # 0.07 to 0.17 in optuna 4.0 and 5.0

    @pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, None])
    def test_a_run_that_diverged_is_the_worst_one_and_the_search_goes_on(self, find, sampler, bad):
        def value(job):
            return bad if float(job["optimizer.learning_rate"]) > 1e-3 else bowl(job)

        found, launcher, _ = find(RATE, DECAY, sampler=sampler, trials=24, batch=8, value=value)
        assert len(launcher.jobs) == 24
        assert found["best_evaluated_params"]["optimizer.learning_rate"] <= 1e-3

    def test_one_diverged_seed_is_a_diverged_trial(self, find):
        found, *_ = find(RATE, "seed=0,1", trials=2, value=lambda job: math.nan if job["seed"] == "1" else 0.0)
        assert found["best_value"] == -math.inf

    def test_the_direction_is_that_of_the_metric(self, find):
        high, *_ = find(RATE, trials=16)
        low, launcher, _ = find(RATE, "sweep.objective=eval/loss", trials=16)
        assert high["best_value"] > low["best_value"] == min(map(bowl, launcher.jobs))


class StopAt:
    """A value that raises at its n-th call."""

    def __init__(self, n, error):
        self.left, self.error = n, error

    def __call__(self, job):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return bowl(job)


class TestGoingOn:
    @pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
    def test_a_stopped_study_goes_on_with_the_settings_that_were_lost_to_its_number_of_trials(
        self, find, sampler, tmp_path
    ):
        told = {"sampler": sampler, "trials": 12, "storage": str(tmp_path / "study.journal")}
        with pytest.raises(KeyboardInterrupt):
            find(RATE, DECAY, value=StopAt(6, KeyboardInterrupt()), **told)
        before = find.launcher.jobs
        found, launcher, sweep = find(RATE, DECAY, **told)
        assert len(before) == 8  # the second batch of four was lost
        assert len(launcher.jobs) == sweep.expected == 8
        rates = [job["optimizer.learning_rate"] for job in before + launcher.jobs]
        assert rates[8:12] == rates[4:8]  # drawn again, the others are new
        assert len(set(rates)) == 12
        assert found["best_value"] == max(map(bowl, before[:4] + launcher.jobs))

    def test_no_trial_is_left_running_by_ctrl_c(self, find, tmp_path):
        import optuna

        with pytest.raises(KeyboardInterrupt):
            find(RATE, value=StopAt(0, KeyboardInterrupt()), storage=str(tmp_path / "study.journal"))
        file = optuna.storages.journal.JournalFileBackend(str(tmp_path / "study.journal"))
        study = optuna.load_study(study_name="padl", storage=optuna.storages.JournalStorage(file))
        assert [trial.state.name for trial in study.trials] == ["FAIL"] * 4 + ["WAITING"] * 4

    def test_trials_of_a_killed_process_are_run_again(self, find, tmp_path, monkeypatch):
        from padl.app.sweep import optuna_study
        from padl.app.sweep import search as module
        from padl.runs.owner import this_process

        told = {"storage": str(tmp_path / "study.journal"), "trials": 6}
        with monkeypatch.context() as killed:
            killed.setattr(module, "abandon", lambda trials, study, again: None)
            before = {**this_process(), "started": 0.0}  # with the number of this process
            killed.setattr(optuna_study, "this_process", lambda: before)
            with pytest.raises(KeyboardInterrupt):
                find(RATE, value=StopAt(5, KeyboardInterrupt()), **told)
        _, launcher, _ = find(RATE, **told)
        assert len(launcher.jobs) == 2

    def test_a_complete_study_says_so_and_runs_nothing(self, find, tmp_path, capsys):
        told = {"storage": str(tmp_path / "study.journal")}
        first, *_ = find("sweep.over=[optimizer.b1]", **told)
        capsys.readouterr()
        again, launcher, _ = find("sweep.over=[optimizer.b1]", **told)
        out, err = capsys.readouterr()
        assert not launcher.launches
        assert again == first
        assert err == "padl: the study 'padl' has its 8 trials: hydra.sweeper.trials= asks for more\n"
        assert out.startswith(f"8 trials, the best is number {first['trial']}: ")
        *_, sweep = find("sweep.over=[optimizer.b1]", **told | {"trials": 10})
        assert sweep.expected == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["optimizer.learning_rate=interval(1e-5,1)"], "different ranges"),
            ([RATE, DECAY], "different ranges"),
            ([RATE, "seed=0,1"], "different seeds"),
            ([RATE, "sweep.objective=eval/loss"], "different objective"),
            ([RATE, "steps=99"], "different steps"),
        ],
    )
    def test_another_search_does_not_go_on_with_the_study(self, find, tmp_path, words, message):
        told = {"storage": str(tmp_path / "study.journal"), "trials": 1}
        find(RATE, **told)
        with pytest.raises(
            PadlError, match=f"study.journal was begun with {message}: give hydra.sweeper.study another"
        ):
            find(*words, **told)
        assert find(*words, study="another", **told)[1].launches

    def test_what_does_not_change_a_result_may_change(self, find, tmp_path):
        told = {"storage": str(tmp_path / "study.journal")}
        find(RATE, trials=1, **told)
        _, launcher, _ = find(RATE, "run.dir=elsewhere", "wandb.mode=disabled", "progress=none", sampler="tpe", **told)
        assert len(launcher.jobs) == 7


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ([], "nothing to search: give KEY=interval(LOW,HIGH), or sweep.over="),
            (["seed=0,1"], "nothing to search"),
            ([RATE, "seed=interval(0,9)"], "a seed is not searched"),
            ([RATE, "seed=range(4,4)"], "seed=range(4,4) is empty"),
            (["optimizer.b1=interval(0.9,0.5)"], "is empty: a range goes from the smaller"),
            (["steps=range(5,5)"], "is empty"),
            (["optimizer.learning_rate=tag(log,interval(0,1))"], "a logarithmic range starts above 0"),
            (["steps=tag(log,range(1,100,2))"], "a logarithmic range has no steps"),
            (["optimizer.learning_rate=tag(lgo,interval(1e-3,1))"], "the tag is log"),
            (["optimizer.learning_rate=tag(log,choice(0.1,1))"], "the tag is log"),
            (["optimizer.learning_rate=interval(1e-3,inf)"], "a range ends at numbers"),
            (["optimizer.learning_rate=interval(-1,1)"], "is outside its domain (0, inf)"),
            (["optimizer.b1=interval(0.5,1)"], "optimizer.b1=1.0 is outside its domain [0, 1)"),
            (["steps=interval(1,100)"], "is not a whole number"),
            ([RATE, "steps=5,0"], "steps=0 is outside its domain"),
            ([RATE, "sweep.over=[optimizer.learning_rate]"], "sweep.over has optimizer.learning_rate, which also"),
            (["optimizer.b1=0.9", "sweep.over=[optimizer.b1]"], "sweep.over has optimizer.b1, which also"),
            (
                ["sweep.over=[batch_size]"],
                "batch_size has no usual range to search: give batch_size=interval(LOW,HIGH)",
            ),
            (["sweep.over=[clip_nrm]"], "no key 'clip_nrm'; did you mean 'clip_norm'?"),
            (
                ["sweep.over=[optimizer.b3]"],
                "optimizer 'adam' has no key 'optimizer.b3' (it has: learning_rate, b1, b2, eps, ",
            ),
            (["sweep.over=[optimiser.b1]"], "no key 'optimiser.b1'; did you mean 'optimizer'?"),
            (["task=surface", "sweep.over=[model.dropout]"], "no key 'model.dropout': this run has no model"),
            ([RATE, "sweep.objective=accuracy"], "sweep.objective=accuracy must be"),
        ],
        ids=lambda x: " ".join(x) if isinstance(x, list) else "",
    )
    def test_a_range_that_cannot_be_is_one_line_before_any_trial(self, find, words, message):
        with pytest.raises(PadlError) as refused:
            find(*words)
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
        assert not find.launcher.launches

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sampler": "tpee"}, "hydra.sweeper.sampler=tpee is none of tpe, random, cmaes, qmc; did you mean 'tpe'?"),
            ({"trials": 0}, "hydra.sweeper.trials=0 must be a whole number from 1 on"),
            ({"batch": 0}, "hydra.sweeper.batch=0 must be a whole number from 1 on"),
            ({"seed": -1}, "hydra.sweeper.seed=-1 must be a whole number from 0 on"),
            ({"sampler": "cmaes"}, "sampler=cmaes needs at least two numeric keys"),
            ({"sampler": "cmaes", "params": {"steps": "range(5,6)"}}, "sampler=cmaes needs at least two numeric keys"),
            (
                {"sampler": "cmaes", "params": {"optimizer.b1": "0.8,0.9", "optimizer.b2": "interval(0.9,0.99)"}},
                "cmaes",
            ),
            ({"storage": "gone/study.journal"}, "hydra.sweeper.storage=gone/study.journal: there is no folder"),
            ({"storage": "notes.txt"}, "hydra.sweeper.storage=notes.txt is no journal of optuna's"),
            ({"storage": "cut.journal"}, "its last line, 1, was cut short: delete that line"),
            (
                {"storage": "mixed.journal"},
                "hydra.sweeper.storage=mixed.journal, line 2: it is damaged (JSONDecodeError",
            ),
            ({"storage": "."}, "hydra.sweeper.storage=. is no file that can be read again"),
            ({"storage": "/proc/study"}, "hydra.sweeper.storage=/proc/study cannot be used"),
        ],
        ids=str,
    )
    def test_an_option_that_cannot_be_is_one_line_before_any_trial(self, find, tmp_path, options, message):
        begun = '{"op_code":0,"worker_id":"a","study_name":"padl","directions":[2]}'
        files = {"notes.txt": "what I did\n", "cut.journal": begun, "mixed.journal": f"{begun}\nnotes\n{begun}\n"}
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        with pytest.raises(PadlError) as refused:
            find(RATE, **options)
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
        assert not find.launcher.launches
        assert {file.name: file.read_text() for file in tmp_path.iterdir() if file.is_file()} == files

    @pytest.mark.parametrize(("library", "sampler"), [("optuna", "tpe"), ("cmaes", "cmaes")])
    def test_a_missing_library_is_named_with_the_way_to_get_it(self, find, monkeypatch, library, sampler):
        monkeypatch.setitem(__import__("sys").modules, library, None)
        with pytest.raises(PadlError, match=rf"padl_optuna needs {library}: pip install -e '.*\[search\]'"):
            find(RATE, DECAY, sampler=sampler)

    def test_a_mistake_in_a_run_stops_the_search(self, find):
        with pytest.raises(PadlError, match="wrong here"):
            find(RATE, value=StopAt(5, PadlError("wrong here")))
        assert len(find.launcher.launches) == 2

    def test_a_study_of_another_program_is_left_alone(self, find, tmp_path):
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        file = tmp_path / "study.journal"
        storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
        optuna.create_study(study_name="padl", storage=storage).optimize(
            lambda trial: trial.suggest_float("x", 0, 1), 2
        )
        with pytest.raises(PadlError, match="was begun with different ranges"):
            find(RATE, storage=str(file))


def test_the_journal_holds_what_was_run(find, tmp_path):
    _, launcher, _ = find("sweep.over=[optimizer.b2]", storage=str(tmp_path / "study.journal"), trials=4)
    lines = [json.loads(line) for line in (tmp_path / "study.journal").read_text().splitlines()]
    kept = [line["user_attr"]["values"] for line in lines if "values" in line.get("user_attr", {})]
    assert [repr(values["optimizer.b2"]) for values in kept] == [job["optimizer.b2"] for job in launcher.jobs]


def test_hydra_finds_the_sweeper_and_launches_with_padls_launcher(tmp_path):
    launches = []

    def train(asked):
        launches.append([member.values["optimizer.learning_rate"] for member in asked])
        return [0.5 for _ in asked]

    words = ["-m", "hydra/sweeper=padl_optuna", "hydra.sweeper.trials=5", "hydra.sweeper.batch=3", RATE]
    app.compose_and_call(words, app.JointTaskFunction(lambda config: None, train))
    assert [len(launch) for launch in launches] == [3, 2]
    assert all(1e-5 <= rate <= 1 for launch in launches for rate in launch)
