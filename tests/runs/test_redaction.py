"""Secrets stay out of what is written and shown, and words of a configuration stay in."""

import pytest

from padl.runs import redaction
from padl.runs.redaction import redact, redact_argument, redact_text, refuse_secret
from padl.types import PadlError

CANARY = "canary0value1of2a3token"
WANDB_KEY = "CANARY" * 7  # W&B's have 40 signs and more


@pytest.fixture(autouse=True)
def an_environment_with_a_secret(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", CANARY)
    redaction._say.cache_clear()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"wandb": {"api_key": "abcdefgh"}}, {"wandb": {"api_key": "***"}}),
        ({"note": f"it is {CANARY}, hidden"}, {"note": "it is ***, hidden"}),
        ({CANARY: 1}, {"***": 1}),
        ({"steps": 5, "list": [CANARY]}, {"steps": 5, "list": ["***"]}),
        ({"tokenizer": "bytes", "monkey": "yes"}, {"tokenizer": "bytes", "monkey": "yes"}),
        ({"key": 3, "token": None, "secret": ""}, {"key": 3, "token": None, "secret": ""}),
        ("https://me:pw@host/data.csv", "https://me:***@host/data.csv"),
        ("https://host:8080/a@b", "https://host:8080/a@b"),
    ],
)
def test_secrets_are_kept_out_of_texts(given, kept):
    assert redact(given) == kept


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GITHUB_PAT", CANARY),
        ("DB_PASSWORD", "correct-horse-battery-staple"),
        ("ANYTHING", WANDB_KEY),  # what W&B would take as a key
        ("ANYTHING", "ghp_0123456789abcdef"),
        ("ANYTHING", "hf_ABCDEFGHIJKLMNOP"),
        ("UUID_TOKEN", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)
def test_the_value_of_a_variable_that_looks_like_a_secret_is_found_anywhere(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert redact(f"x{value}y") == "x***y"
    with pytest.raises(PadlError, match=r"run\.dir holds a secret of the environment, which a name tells") as refused:
        refuse_secret("run.dir", f"runs/{value}")
    assert value not in str(refused.value)


def test_the_password_in_a_variables_url_is_found_by_itself(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"postgres://me:{WANDB_KEY}@host/db")
    assert redact(f"password {WANDB_KEY}") == "password ***"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MY_TOKEN", "cross_entropy"),
        ("MY_KEY", "binary_cross_entropy_with_logits"),  # long, but words
        ("MY_SECRET", "separable_conv2d_block"),
        ("MY_TOKEN", "a b c d e f g h i j k"),
        ("GITHUB_SHA", "0123456789abcdef" * 2 + "01234567"),  # looks like a key of W&B's, but is the commit
        ("GREETING", "of_thirty_and_more_letters_altogether_but_words"),
    ],
)
def test_a_word_of_a_configuration_is_no_secret_whatever_variable_has_it(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert redact({"name": value}) == {"name": value}


def test_a_file_that_a_variable_names_is_no_secret(monkeypatch, tmp_path):
    file = tmp_path / "credentials0of1a2service3account.json"
    file.touch()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    assert redact(str(file)) == str(file)


def test_what_was_replaced_is_said_once(capsys):
    for _ in range(3):
        redact(CANARY)
    assert capsys.readouterr().err == (
        "padl: the value of $MY_API_KEY is kept out of what is written and shown: *** stands for it\n"
    )


@pytest.mark.parametrize(
    ("word", "kept"),
    [
        ("wandb.api_key=abc", "wandb.api_key=***"),
        ("seed=1", "seed=1"),
        ("+hydra.job.env_set={WANDB_API_KEY:abc,A:b}", "+hydra.job.env_set={WANDB_API_KEY:***,A:b}"),
        ("+hydra.job.env_set={'MY_PAT': 'a b'}", "+hydra.job.env_set={'MY_PAT': ***}"),
        ("model.widths=[64,64]", "model.widths=[64,64]"),
        ("sweep.over=[optimizer.learning_rate]", "sweep.over=[optimizer.learning_rate]"),
    ],
)
def test_an_argument_that_names_a_secret_loses_its_value(word, kept):
    assert redact_argument(word) == kept


def test_a_printed_configuration_loses_what_its_keys_name():
    text = "wandb:\n  api_key: abc\n  tags: []\nkey:\n  a: 1\n"
    assert redact_text(text) == "wandb:\n  api_key: ***\n  tags: []\nkey:\n  a: 1\n"


def test_no_secret_of_the_environment_or_the_command_reaches_a_file(tmp_path, monkeypatch):
    from padl.app.train import run

    monkeypatch.setenv("WANDB_API_KEY", WANDB_KEY)
    config = {"task": "surface", "steps": 20, "log_every": 5, "run": {"dir": str(tmp_path)}, "progress": "none"}
    words = ["padl", "train", "token=CANARYTOKEN", "x=" + WANDB_KEY]
    run({**config, "wandb": {"mode": "offline", "name": WANDB_KEY}}, command=words)
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and b"CANARY" in f.read_bytes()]


def test_the_folders_and_tables_of_a_sweep_have_no_secret_in_them(padl_command, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", WANDB_KEY)
    words = ("task=surface", "steps=4", "progress=none", "devices=1", "run.plot=false", "run.save=false")
    _, out, err = padl_command(
        "train", "-m", *words, "wandb.mode=disabled", f"wandb.name={WANDB_KEY},b", "run.dir=runs"
    )
    assert not [path for path in tmp_path.rglob("*") if "CANARY" in path.name]
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and b"CANARY" in f.read_bytes()]
    assert "CANARY" not in out + err
    assert len(list(tmp_path.glob("runs/*/000*"))) == 2


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (f"run.dir={CANARY}", "run.dir"),
        ("hydra.output_subdir=.hydra", "hydra.output_subdir"),
        (
            f"-m hydra/sweeper=padl_optuna hydra.sweeper.study={CANARY} optimizer.learning_rate=interval(0.1,1)",
            "hydra.sweeper.study",
        ),
    ],
)
def test_a_secret_that_would_become_a_name_is_refused(padl_command, tmp_path, words, key):
    code, out, err = padl_command("train", "task=surface", *words.split())
    assert (code, out) == (2, "")
    assert f"padl: {key}" in err
    assert CANARY not in err
    assert not list(tmp_path.iterdir())


def test_the_shown_configuration_follows_it(padl_command):
    code, out, _ = padl_command("train", "--cfg", "job", "--resolve", "wandb.name=${oc.env:MY_API_KEY}")
    assert code == 0
    assert "name: '***'" in out or "name: ***" in out
    assert CANARY not in out
