"""`padl check`: the table, the cases, JSON, exit codes, and bad input in one line."""

import json
import subprocess
import sys

import pytest
from plain_mistakes import __file__ as MISTAKES

from padl import registry
from padl.conformance.suite import CHECKS

TWICE = """
def oracle(w, grads, learning_rate):
    for g in grads:
        w = w - 2 * learning_rate * g
        yield w
"""
QUICK = ("--only", "state_form,update_dtype,holds_norm")


def test_a_table_says_what_passes_and_a_line_counts(padl_command):
    code, out, err = padl_command("check", "sgd", *QUICK)
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines() if line.startswith(" state_form")] == [["state_form", "pass"]]
    assert "it does not say that it holds a norm" in out
    assert "sgd: 2 passed, 1 not for it, in " in out


def test_what_fails_is_shown_as_code_that_runs_and_the_exit_code_is_1(padl_command, tmp_path):
    code, out, _ = padl_command("check", f"{MISTAKES}:wide_update", *QUICK)
    assert code == 1
    assert "update_dtype: Updates have the structure" in out
    case = out[out.index("import jax,") : out.index("wide_update: 2 passed") if "2 passed" in out else None]
    case = case[: case.index("\n\n")]
    ran = subprocess.run([sys.executable, "-c", case], capture_output=True, text=True)
    assert ran.stdout == "{'bias': dtype('float32')}\n", ran.stderr


def test_several_things_have_tables_of_their_own_and_settings_belong_to_the_one_before(padl_command):
    code, out, _ = padl_command("check", "sgd", "learning_rate=0.5", "optax:adam", "mu_dtype=float32", *QUICK)
    assert code == 1
    assert 'optax:adam mu_dtype="float32" fails update_dtype' in out
    assert "tx = optax.adam(mu_dtype='float32', learning_rate=0.001)" in out
    assert out.splitlines()[-1].startswith("2 checked: ")


def test_json_has_all_of_it_and_nothing_else_is_on_standard_output(padl_command, tmp_path):
    file = tmp_path / "prints.py"
    file.write_text("import optax\nprint('hello')\ndef rule(learning_rate):\n    return optax.sgd(learning_rate)\n")
    code, out, err = padl_command("check", f"{file}:rule", "sgd", *QUICK, "--json")
    found = json.loads(out)
    assert "hello" in err
    assert found["exit_code"] == code == 1
    assert [each["label"] for each in found["checked"]] == ["rule", "sgd"]
    statuses = {each["name"]: each["status"] for each in found["checked"][0]["checks"]}
    assert statuses == {"state_form": "pass", "update_dtype": "fail", "holds_norm": "not for it"}
    assert set(found["versions"]) == {"padl", "jax", "optax"}
    assert found["checked"][1]["settings"] == {}


def test_a_narrow_terminal_has_the_reason_beneath_the_name(padl_command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    out = padl_command("check", "sgd", *QUICK, "--verbose")[1]
    table = [line for line in out.splitlines() if line.startswith(" ")]
    assert max(map(len, table)) <= 60
    assert "it does not say that it holds a norm" in " ".join(out.split())
    assert "Updates have the structure, shapes and dtypes" in " ".join(out.split())


def test_the_list_has_every_check_with_its_promise(padl_command):
    rows = json.loads(padl_command("check", "--list", "--json")[1])
    assert [row["name"] for row in rows] == [*(each.name for each in CHECKS), "oracle"]
    assert all(row["promise"].endswith(".") for row in rows)
    assert "own_randomness" in padl_command("check", "--list")[1]


def test_an_oracle_is_compared_with(padl_command, tmp_path):
    file = tmp_path / "rules.py"
    file.write_text(TWICE)
    code, out, _ = padl_command("check", "sgd", "--only", "oracle", "--oracle", str(file))
    assert code == 1
    assert "step 1 of 20 is" in out
    assert ", 0.5 of the step" in " ".join(out.split())


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "padl check takes what to check: padl check adam"),
        (["b1=0.8", "adam"], "'b1=0.8' stands before what it is of"),
        (["adm"], "nothing is called 'adm'; did you mean 'adam'?"),
        (["adam", "--only", "descend"], "no check or group 'descend'; did you mean 'descends'?"),
        (["adam", "--only"], "--only takes names of checks once"),
        (["adam", "b1=["], "'b1=[' does not parse"),
        (["adam", "--oracle", "nix.py"], "there is no file nix.py"),
        (["adam", "--orcale", "nix.py"], "padl check has no option '--orcale'; did you mean '--oracle'?"),
    ],
)
def test_mistakes_are_a_line_and_the_exit_code_is_2(padl_command, words, line):
    code, out, err = padl_command("check", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"padl: {line}")
    assert len(err.splitlines()) == 1


def test_all_checks_of_an_optimizer_are_followed_by_what_is_measured_and_not_judged(padl_command):
    code, out, err = padl_command("check", "signsgd", "--json")
    assert (code, err) == (0, "")
    measured = json.loads(out)["checked"][0]["measured"]
    assert measured["responses"]["nan_spreads"] == "that number"
    assert measured["slow"] is None


def test_hints_on_the_signature_of_a_plugin_are_printed(padl_command, tmp_path, monkeypatch):
    monkeypatch.setattr(registry.optimizer, "_entries", dict(registry.optimizer._entries))
    file = tmp_path / "floating.py"
    file.write_text(
        "import optax\nfrom padl.registry import optimizer\n\n\n@optimizer()\n"
        "def floating(lr: float = 0.1):\n    return optax.sgd(lr)\n",
        encoding="utf-8",
    )
    _, out, _ = padl_command("check", str(file), "--only", "state_arrays")
    assert "hint: lr: annotated float" in out
    assert "hint: it has no docstring" in out
