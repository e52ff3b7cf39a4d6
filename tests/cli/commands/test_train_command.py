"""`padl train`: what it trains, what it refuses in one line, and that nothing is left behind when it refuses."""

import pytest
import yaml

import padl
from padl.cli.hydra.words import conf_names

QUICK = ("steps=4", "wandb.mode=disabled", "progress=none", "devices=1", "run.save=false", "run.plot=false")

REFUSED = [
    # unknown names
    ("optimizer=adm", "no optimizer 'adm'; did you mean 'adam'?"),
    ("model=cn", "no model 'cn'; did you mean 'cnn'?"),
    ("loss=huberr task=permeability", "no loss 'huberr'; did you mean 'huber'?"),
    ("schedule=cosin", "no schedule 'cosin'; did you mean 'cosine'?"),
    ("task=digit", "no task 'digit'; did you mean 'digits'?"),
    ("experiment=crack", "no experiment 'crack'; did you mean 'cracks'?"),
    ("loss=null", "loss=null names nothing"),
    # unknown keys
    ("stps=5", "no key 'stps'; did you mean 'steps'?"),
    ("+stps=5", "no key 'stps'; did you mean 'steps'?"),
    ("optimizer.learning_rat=1", "optimizer 'adam' has no key 'optimizer.learning_rat'; did you mean 'learning_rate'?"),
    ("+optimizer.learning_rat=1", "'optimizer.learning_rat'; did you mean 'learning_rate'?"),
    ("wandb.mod=offline", "no key 'wandb.mod'; did you mean 'wandb.mode'?"),
    ("+model._target_=os.system", "model 'mlp' has no 'model._target_'"),
    ("seed=${nothing}", "Interpolation key 'nothing' not found"),
    ("seed=[1", "the configuration cannot be composed"),
    ("experiment=cracks model.channels=[8] seeed=3", "no key 'seeed'; did you mean 'seed'?"),
    ("optimizer=sgd,adam", "optimizer=sgd,adam gives several names: add -m"),
    # words that are no KEY=VALUE, and options
    ("adam", "'adam' is no KEY=VALUE; did you mean optimizer=adam?"),
    ("optimizer adam", "'optimizer' is no KEY=VALUE; did you mean optimizer=adam?"),
    ("steps 100", "'steps' is no KEY=VALUE; did you mean steps=100?"),
    ("experiment=cracks cosin", "'cosin' is no KEY=VALUE; did you mean schedule=cosine?"),
    ("--optimizer=adam", "padl train has no option '--optimizer'; a key is given without dashes: optimizer=adam"),
    ("--optimizer adam", "padl train has no option '--optimizer'; a key is given without dashes: optimizer=adam"),
    ("--multirn", "padl train has no option '--multirn'; did you mean '--multirun'?"),
    ("optimizer.learning_rate=1e-3,1e-2", "gives several values: add -m to run each; a list is"),
    ("optimizer=muon optimizer.others=[adam]", "optimizer.others=[adam] is a list: give a name, or {name: NAME"),
    ("run=[1]", "run=[1] is a list: give {key: value, ...}"),
    ("-m optimizer.b1=range(0.1,0.4,0.1),0.7", "a range stands alone"),
    # what is Hydra's
    ("--config-dir gone experiment=my", "--config-dir gone: there is no such folder"),
    ("hydra.searchpath=[gone]", "hydra.searchpath: there is no folder gone"),
    ("hydra.run.dir=other", "hydra.run.dir is Hydra's, and PADL does not use it: use run.dir=FOLDER"),
    ("-m seed=0,1 hydra.run.dir=other", "hydra.run.dir is Hydra's, and PADL does not use it: use run.dir=FOLDER"),
    ("-m seed=0,1 hydra.sweep.dir=other", "use run.dir=FOLDER, in which each sweep makes a folder"),
    ("-m seed=0,1 hydra.sweep.subdir=other", "use run.dir=FOLDER, in which each sweep makes a folder"),
    ("hydra.job.name=other", "hydra.job.name is Hydra's, and PADL does not use it: use run.dir=FOLDER"),
    ("hydra.output_subdir=other", "Hydra would write a configuration there, secrets and all"),
    ("hydra.mode=MULTIRUN seed=0,1", "hydra.mode is Hydra's, and PADL does not use it: -m runs several"),
    ("sweep=learning_rate", "sweep=learning_rate is for several runs at once: add -m"),
    ("hydra.sweeper.trials=3", "hydra.sweeper.trials is for several runs at once: add -m"),
    ("hydra/launcher=basic", "hydra/launcher is for several runs at once: add -m"),
    # wrong types
    ("optimizer.learning_rate=fast", "optimizer.learning_rate='fast' is not a number"),
    ("steps=1.5", "steps=1.5 is not a whole number"),
    ("model.widths=5", "model.widths=5 is not a list of whole numbers"),
    ("model.activation=rellu", "is not one of relu, gelu"),
    ("batch_size=most", "batch_size='most' is not a whole number or 'all' or null"),
    ("dtype=float16", "dtype='float16' is not one of float32, bfloat16"),
    # values outside their domain
    ("optimizer.learning_rate=-0.1", "optimizer.learning_rate=-0.1 is outside its domain (0, inf)"),
    ("optimizer.learning_rate=nan", "is outside its domain (0, inf)"),
    ("optimizer.b1=1.5", "optimizer.b1=1.5 is outside its domain [0, 1)"),
    ("optimizer.eps=0", "optimizer.eps=0.0 is outside its domain (0, inf)"),
    ("batch_size=0", "batch_size=0 is outside its domain"),
    ("batch_size=5000", "batch_size=5000 is larger than the 1438 training rows"),
    ("steps=0", "steps=0 is outside its domain"),
    ("seed=-1", "seed=-1 is outside its domain"),
    ("model.widths=[0]", "model.widths=(0,) is outside its domain"),
    ("clip_norm=0", "clip_norm=0.0 is outside its domain"),
    # what does not go together
    ("steps=5 epochs=5", "steps=5 and epochs=5 exclude each other"),
    ("task=permeability loss=cross_entropy", "does not fit the regression 'permeability': one of crps_gaussian,"),
    ("loss=mse", "does not fit the classification 'digits': one of bce, bce_with_logits, cross_entropy, dice, focal,"),
    ("task=digits_embedding loss=mse", "'digits_embedding': one of cosine_embedding, hinge_embedding, info_nce,"),
    ("task=ranking loss=hinge", "does not fit the ranking 'ranking': one of margin_ranking does"),
    ("task=digit_lines loss=cross_entropy", "does not fit the lines 'digit_lines': one of ctc does"),
    ("task=digits_autoencoder loss=hinge", "'digits_autoencoder': one of bce, bce_with_logits, dice,"),
    ("task=digit_lines model=mlp", "model 'mlp' gives one row of outputs for an input, this task wants one for each"),
    ("model=tdnn", "model 'tdnn' gives one for each of its frames, this task wants one row of outputs for an input"),
    ("task=digit_lines loss.blank=3", "loss.blank: class 0 is the blank of this task"),
    ("task=permeability model=cnn", "model 'cnn' needs images"),
    ("task=surface model=mlp", "task 'surface' has no model"),
    ("task=surface batch_size=8", "task 'surface' has no data and no model: leave batch_size= out"),
    ("optimizer=gd batch_size=8", "'gd' takes all 1438 rows at every step"),
    ("accumulate=5", "accumulate=5 does not divide batch_size=64"),
    # data
    ("task=csv task.path=few.csv", "few.csv, line 3: 1 fields where the header has 2"),
    ("task=csv task.path=nan.csv", "'nan', which stands for no value, in column 'y', row 2 of 3"),
    ("task=csv task.path=labels.csv task.classes=2", "label 7 in row 3 is outside 0 .. 1"),
    ("task=csv task.path=empty.csv", "no rows below the header"),
    ("task=csv task.path=gone.csv", "gone.csv' cannot be read as a table: No such file or directory"),
    ("task=image_folder task.path=pictures", "bad.png: not a readable image"),
    ("task=image_folder task.path=gone", "gone' is not a folder"),
    # the machine
    ("device=tpu", "device=tpu: there is none, JAX finds cpu"),
    ("devices=99", "devices=99: there are 4 on cpu"),
    ("devices=4 batch_size=30", "devices=4: 2 of them can share a batch of 30 evenly"),
    ("optimizer.b2=0.99999999999", "is 1 in float32, outside its domain [0, 1)"),
    ("run.dir=/proc/nowhere", "run.dir='/proc/nowhere': no folder can be made there"),
    ("compilation_cache=/proc/nowhere", "compilation_cache='/proc/nowhere' cannot be made"),
]


@pytest.fixture
def bad_files(tmp_path):
    (tmp_path / "few.csv").write_text("x,y\n1,2\n3\n")
    (tmp_path / "nan.csv").write_text("x,y\n1,2\n3,nan\n4,5\n")
    (tmp_path / "labels.csv").write_text("x,y\n1,0\n2,1\n3,7\n")
    (tmp_path / "empty.csv").write_text("x,y\n")
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        (tmp_path / "pictures" / name / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("words", "message"), REFUSED, ids=[words for words, _ in REFUSED])
def test_a_mistake_is_one_line_and_exit_code_2_and_nothing_is_written(padl_command, tmp_path, words, message):
    before = set(tmp_path.rglob("*"))
    given = {word.partition("=")[0] for word in words.split()}
    rest = [q for q in QUICK if q.partition("=")[0] not in given and not (q == "steps=4" and "epochs" in words)]
    code, out, err = padl_command("train", *words.split(), *rest)
    assert (code, out) == (2, ""), err
    assert err.startswith("padl: ")
    assert err.count("\n") == 1
    assert message in err
    assert set(tmp_path.rglob("*")) == before


def test_training_from_the_command_line_is_training_from_python(padl_command, tmp_path):
    code, out, err = padl_command("train", "task=permeability", "model.widths=[8]", *QUICK)
    assert (code, err) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()
    from padl.runs.run_folder import read_metrics

    record = padl.train(task="permeability", model={"name": "mlp", "widths": [8]}, steps=4, devices=1)
    assert read_metrics(folder)[-1]["train/loss"] == record.history["train/loss"][-1]
    assert "permeability mlp adam, widths=[8], steps=4, seed 0" in out
    assert str(folder) in out


def test_the_metric_that_decides_is_marked_and_its_side_is_said(padl_command):
    _, out, _ = padl_command("train", "task=permeability", "model.widths=[8]", *QUICK, "run.dir=null")
    assert "│ rmse *" in out
    assert "* decides: best is the step where rmse is smallest on the " in out
    _, out, _ = padl_command("train", "task=surface", *QUICK)
    assert "* decides: best is the step where loss is smallest\n" in out


def test_a_diverged_run_exits_with_3(padl_command):
    words = ("task=surface", "optimizer=sgd", "optimizer.learning_rate=1e6", "steps=50")
    code, out, _ = padl_command("train", *words, *(q for q in QUICK if q != "steps=4"))
    assert code == 3
    assert "diverged (loss" in out


def test_multirun_runs_every_combination(padl_command, tmp_path):
    jobs = ("task=surface", "seed=0,1", "optimizer=sgd,adam")
    code, out, _ = padl_command("train", "-m", "hydra/launcher=basic", *jobs, *QUICK)
    assert (code, out.count("finished")) == (0, 4)
    assert len(list((tmp_path / "runs").glob("*-surface-*"))) == 4


@pytest.fixture
def own_folder(tmp_path):
    """A user's own folder of configurations."""
    own = tmp_path / "own"
    for group, text in (
        ("experiment", "# @package _global_\noptimizer:\n  learning_rate: 0.5\nepochs: 3\n"),
        ("sweep", "# @package _global_\nhydra:\n  sweeper:\n    params:\n      seed: 0,1\n"),
    ):
        (own / group).mkdir(parents=True)
        (own / group / "mine.yaml").write_text(text)
    return "--config-dir=own"


@pytest.mark.parametrize("plus", ["", "+"])
def test_experiment_and_sweep_take_a_plus_or_none(padl_command, own_folder, plus):
    one = ("task=permeability", "model=linear", *QUICK, "run.dir=null")
    code, out, err = padl_command("train", own_folder, f"{plus}experiment=mine", *one)
    assert (code, err) == (0, "padl: steps=4 was typed and rules: epochs=3, of a file, is left out\n")
    code, out, err = padl_command("train", own_folder, "-m", f"{plus}sweep=mine", f"{plus}experiment=mine", *one)
    assert code == 0, err
    assert out.startswith("2 runs in 1 program")
    assert err.count("\n") == 1


@pytest.mark.parametrize("group", ["experiment", "sweep"])
def test_a_name_that_is_in_neither_folder_is_told_those_of_both(padl_command, own_folder, group):
    code, _, err = padl_command("train", "-m", own_folder, f"{group}=min", *QUICK)
    assert code == 2
    assert f"no {group} 'min'; did you mean 'mine'? (there are: " in err
    assert {"digits_adam", "learning_rate"} & set(err.replace(",", " ").split())


def test_a_range_of_binary_fractions_stops_before_its_stop(padl_command):
    rates = "optimizer.learning_rate=range(0.1,0.4,0.1)"
    code, out, err = padl_command("train", "-m", "task=permeability", "model=linear", rates, *QUICK, "run.dir=null")
    assert code == 0, err
    ranked = [line.split()[1] for line in out.splitlines() if line.strip()[:1].isdigit()][1:]
    assert sorted(ranked) == ["0.1", "0.2", "0.3"]


def test_plain_progress_is_lines_and_respects_no_color(padl_command, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    words = [q for q in QUICK if not q.startswith("progress")]
    code, out, err = padl_command("train", "task=surface", *words)
    assert code == 0
    assert "\x1b[3" not in out + err
    assert "step 4/4  loss" in err


def test_the_composed_configuration_shows_every_hyperparameter(padl_command):
    code, out, _ = padl_command("train", "--cfg", "job", "task=cracks")
    assert code == 0
    shown = yaml.safe_load(out)
    assert shown["model"]["name"] == "cnn"
    numbers = {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8}
    choices = {"convention": "paper", "mu_dtype": None, "nu_dtype": None, "wrap": {}, "groups": {}}
    assert shown["optimizer"] == {"name": "adam", **numbers, **choices}
    assert shown["task"].keys() == {"name", "rows", "size", "hard_negatives", "held_out", "test", "data_seed"}


def test_every_experiment_composes_into_a_run(padl_command):
    for name in conf_names("experiment"):
        code, out, err = padl_command("train", "--cfg", "job", f"experiment={name}")
        assert code == 0, err
        config = yaml.safe_load(out)
        config.pop("experiment", None)
        from padl.app.plan import resolve

        assert resolve({**config, "devices": 1}).steps > 0


def test_train_help_explains_itself(padl_command, capsys):
    with pytest.raises(SystemExit, match="0"):
        padl_command("train", "--help")
    out = capsys.readouterr().out
    assert "optimizer: " in out
    assert "padl train" in out


def test_a_table_takes_the_loss_of_its_kind(padl_command, tmp_path):
    numbers = "".join(f"{i},{i % 7 + 0.5},{'even' if i % 2 == 0 else 'odd'}\n" for i in range(40))
    (tmp_path / "table.csv").write_text("a,b,c\n" + numbers)
    for target, metric in (("b", "rmse"), ("c", "accuracy")):
        words = ("task=csv", "task.path=table.csv", f"task.target={target}")
        code, out, err = padl_command("train", *words, *QUICK)
        assert (code, err) == (0, "")
        assert metric in out
