"""An optimizer against its author's own function of NumPy: what is compared, and what a difference says."""

import numpy as np
import optax
import pytest

import padl
from padl.types import PadlError


def numpy_lion(w, grads, learning_rate, b1, b2, weight_decay):
    m = np.zeros_like(w)
    for g in grads:
        w = w - learning_rate * (np.sign(b1 * m + (1 - b1) * g) + weight_decay * w)
        m = b2 * m + (1 - b2) * g
        yield w


def eps_within(w, grads, learning_rate, b1, b2, eps):
    """Adam with eps within the root."""
    m = v = np.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        w = w - learning_rate * m / (1 - b1**t) / np.sqrt(v / (1 - b2**t) + eps)
        yield w


def only(thing, oracle):
    (outcome,) = padl.check(thing, only="oracle", oracle=oracle)
    return outcome


def test_a_rule_that_is_the_functions_passes_and_so_does_optax():
    assert only("lion", numpy_lion).status == "pass"
    assert only(optax.lion, numpy_lion).status == "pass"


def test_a_rule_that_is_not_says_at_which_values_and_step_and_by_how_much_and_its_case_shows_it(capsys):
    outcome = only("adam", eps_within)
    assert outcome.status == "fail"
    assert outcome.reason.startswith("at its defaults, on an array of shape (3,), step 1 of 20 is ")
    code = "with jax.enable_x64(True):\n" + "\n".join(
        f"    {x}" for x in outcome.case.splitlines() if "config" not in x
    )
    exec(f"import jax\n{code}", {})
    printed = eval(capsys.readouterr().out)
    expected = eval(outcome.case.partition("# the oracle has ")[2])
    g, eps = 0.1257, 1e-8  # of the case; to first order in eps
    assert expected[0] - printed[0] == pytest.approx(1e-3 * (eps / (2 * g**2) - eps / g), rel=1e-3)


def test_a_number_that_the_function_reads_otherwise_is_named():
    def other_decay(w, grads, learning_rate, b1, b2, weight_decay):
        return list(numpy_lion(w, grads, learning_rate, b1, 0.99, weight_decay))

    assert only("lion", other_decay).reason.startswith("at b2=0.991, on ")


def test_a_function_that_raises_or_gives_too_few_steps_is_a_failure_that_says_so():
    assert only("sgd", lambda w, grads, learning_rate: w / None).reason.startswith("the oracle raises TypeError")
    few = only("sgd", lambda w, grads, learning_rate: [w])
    assert few.reason == "the oracle is to give w after each of 20 steps, (3,), and gives 1 arrays of shape (3,)"


def test_a_rule_that_reads_a_loss_is_not_compared():
    outcome = only("polyak_sgd", lambda w, grads, **numbers: [])
    assert outcome.status == "not for it"
    assert "reads value" in outcome.reason


def test_a_function_without_an_argument_for_a_number_is_refused_in_a_line():
    with pytest.raises(
        PadlError, match=r"has no argument b2: it takes \(w, grads, learning_rate, b1, b2, weight_decay"
    ):
        only("lion", lambda w, grads, learning_rate, b1, weight_decay: [])
    with pytest.raises(PadlError, match="has an argument alpha that 'sgd' has not"):
        only("sgd", lambda w, grads, learning_rate, alpha: [])


def test_a_file_is_looked_into_by_the_name_of_the_optimizer(tmp_path):
    file = tmp_path / "rules.py"
    file.write_text(
        "def sgd(w, grads, learning_rate):\n    for g in grads:\n        w = w - learning_rate * g\n        yield w\n"
    )
    assert only("sgd", file).status == "pass"
    with pytest.raises(PadlError, match=r"rules.py has no function 'lion' or 'oracle'"):
        only("lion", file)
    with pytest.raises(PadlError, match="there is no file"):
        only("lion", tmp_path / "nix.py")
    file.write_text("import nothing_of_this_name")
    with pytest.raises(PadlError, match=r"rules.py cannot be loaded: ModuleNotFoundError"):
        only("sgd", file)
