"""How far two optimizers part: the numbers against NumPy, the reasons, and bad input in one line."""

import json

import numpy as np
import pytest

from padl.app.optimizer_difference import SCALES, difference
from padl.types import PadlError


def adam_path(steps, eps, hat):
    """Adam in float64 along the same gradients; `hat`: eps is added before the correction of the root."""
    rng = np.random.default_rng(0)
    start = rng.normal(size=len(SCALES))
    grads = rng.normal(size=(steps, len(SCALES))) * np.array(SCALES)
    x, m, v, path = start, 0.0, 0.0, [start]
    for t, g in enumerate(grads, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        c = np.sqrt(1 - 0.999**t)
        root = (np.sqrt(v) + eps) / c if hat else np.sqrt(v) / c + eps
        x = x - 1e-3 * m / (1 - 0.9**t) / root
        path.append(x)
    return np.array(path)


def test_the_shares_are_those_of_the_two_papers_paths():
    found = difference("adam@torch", "adam@keras", steps=4)
    a, b = adam_path(4, 1e-8, hat=False), adam_path(4, 1e-7, hat=True)
    moves = np.diff(a, axis=0), np.diff(b, axis=0)
    expected = (abs(moves[0] - moves[1]) / np.maximum(abs(moves[0]), abs(moves[1]))).max(1)
    np.testing.assert_allclose(found.updates, expected, rtol=1e-6)
    ways = np.maximum(*(np.linalg.norm(p[1:] - p[0], axis=1) for p in (a, b)))
    np.testing.assert_allclose(found.apart, np.linalg.norm(a[1:] - b[1:], axis=1) / ways, rtol=1e-6)
    assert found.first == 1
    assert found.settings == {"eps": (1e-8, 1e-7)}


def test_conventions_that_are_the_same_do_not_part():
    assert difference("adam@torch", "adam@optax", steps=3).first is None
    assert difference("adamw,weight_decay=0", "adam", steps=3).first is None


def test_rules_for_matrices_follow_the_gradients_of_a_matrix(padl_command):
    assert difference("muon", "soap", steps=3).first == 1
    assert difference("muon", "muon,others=lion", steps=3).first is None
    turned = difference("muon", "muon,learning_rate=0.01", steps=2)  # the same factor, half as long
    np.testing.assert_allclose(turned.updates[0], 0.5, rtol=1e-6)
    _, out, _ = padl_command("diff", "muon", "adam", "--steps", "2")
    assert "2 steps of a 7x4 matrix" in out


def test_the_table_says_how_far_and_why(padl_command):
    code, out, _ = padl_command("diff", "adam@torch", "adam@keras", "--steps", "2")
    assert code == 0
    assert "adam@keras: eps is added to √v before its correction" in out
    assert "eps=1e-07 is its own default" in out
    assert "eps: 1e-08 and 1e-07" in out
    code, out, _ = padl_command("diff", "adam", "adamw,weight_decay=0", "--steps", "2")
    assert 'adamw,weight_decay=0 alone: decay_kind="decoupled", weight_decay=0' in out
    assert "adam alone" not in out
    assert "they do not part: every update is the same, but for rounding in float64" in out


def test_json_has_all_of_it(padl_command):
    _, out, _ = padl_command("diff", "adam", "sgd,learning_rate=1e-3", "--steps", "2", "--json")
    found = json.loads(out)
    assert [side["config"]["name"] for side in found["sides"]] == ["adam", "sgd"]
    assert len(found["updates"]) == len(found["apart"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["adam@kers", "adam"], "optimizer 'adam' has no convention 'kers'; did you mean 'keras'?"),
        (["sgd@torch", "sgd"], "optimizer 'sgd' is computed alike everywhere, as far as is known"),
        (["adm", "adam"], "no optimizer 'adm'; did you mean 'adam'?"),
        (["adam,b1", "adam"], "'adam,b1' does not parse: give NAME, NAME@CONVENTION or"),
        (["adam,b1=2", "adam"], "optimizer.b1=2.0 is outside its domain [0, 1)"),
        (["adam", "sgd", "--steps", "0"], "steps=0 must be 1 or more"),
        (["adam", "sgd", "--steps", "x"], "--steps takes a whole number, 1 or more"),
        (["adam"], "the following arguments are required: OTHER"),
    ],
)
def test_bad_input_is_one_line(padl_command, words, message):
    code, _, err = padl_command("diff", *words)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_a_rule_that_reads_a_loss_is_refused():
    import jax

    from padl import registry
    from padl.optimizers.transformation import Transformation

    @registry.optimizer(name="test_reads_value")
    def reads(learning_rate: float = 0.1) -> Transformation:
        """Read the loss."""
        return Transformation(
            lambda p: (), lambda g, s, p=None, *, value: (jax.tree.map(lambda x: -x, g), s), needs=["value"]
        )

    try:
        with pytest.raises(PadlError, match="reads value of a loss, and padl diff has gradients alone"):
            difference("test_reads_value", "sgd")
    finally:
        del registry.optimizer._entries["test_reads_value"]
