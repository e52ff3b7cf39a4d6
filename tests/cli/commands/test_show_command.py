"""`padl list` and `padl show`: cards in words that fit, pictures of losses, and what cannot be drawn."""

import inspect

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import argument_domains, registry
from padl.app import names
from padl.app.optimizer_arrays import states_of
from padl.app.optimizer_facts import facts_of
from padl.cli.cards import EXPLAINED, facts
from padl.cli.docstrings import fitted
from padl.compare import loss_curves
from padl.registry import Entry, loss
from padl.types import KINDS, PadlError

ENTRIES = [entry for kind in KINDS for entry in names.of(kind)]


# Cards


def test_every_word_by_which_a_loss_declares_its_domains_is_explained():
    for entry in names.of("loss"):
        for trait, words in EXPLAINED.items():
            assert entry.traits[trait] in words, f"{entry.name}: {trait}={entry.traits[trait]!r}"


def test_no_word_is_explained_that_no_loss_uses():
    for trait, words in EXPLAINED.items():
        assert set(words) == {entry.traits[trait] for entry in names.of("loss")}, trait


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_says_nothing_as_python_writes_it(padl_command, kind):
    for entry in names.of(kind):
        told = " ".join(facts(entry).values())
        assert not [mark for mark in ("True", "False", "None", "<function", "View(", "{", "['") if mark in told], told
        assert "<function" not in padl_command("show", entry.name)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_show_prints_a_card_for_every_name(padl_command, kind):
    for entry in names.of(kind):
        code, out, _ = padl_command("show", entry.name)
        assert code == 0
        assert f"{kind} {entry.name}" in out
        assert all(name in out for name in entry.hyperparameters)


@pytest.mark.parametrize(
    ("name", "arrays"), [("sgd", 0), ("momentum", 1), ("adagrad", 1), ("adadelta", 2), ("adam", 2), ("nadam", 2)]
)
def test_a_card_counts_the_arrays_of_the_state(name, arrays):
    assert facts_of(names.of("optimizer").get(name)).state == arrays


def test_a_card_tells_the_state_of_a_vector_a_square_and_a_long_matrix_where_it_is_not_one(padl_command):
    adam = " ".join(padl_command("show", "adam")[1].split())
    assert "state 2 arrays of the parameters' size (float32: 8 bytes for each number)" in adam
    adafactor = " ".join(padl_command("show", "adafactor")[1].split())
    kept = "1 of a vector (256), 0.00781 of a square (256x256), 0.00488 of a long (256x1024)"  # n, 2 n, n + 4 n numbers
    assert f"arrays of the parameter's size: {kept}; float32" in adafactor


def test_an_optimizer_that_takes_no_vectors_is_told_with_the_shape():
    def only_matrices():
        return optax.GradientTransformation(lambda params: params["kernel"], lambda *arrays: arrays)

    entry = Entry("optimizer", "only_matrices", only_matrices, "", "", "mine.py")
    with pytest.raises(PadlError, match=r"'only_matrices' from mine.py fails on a vector array \(256,\)"):
        states_of(entry)


def test_the_card_of_a_model_has_a_row_for_each_parameter_with_its_role_and_axes(padl_command):
    out = [" ".join(line.split()) for line in padl_command("show", "cnn")[1].splitlines()]
    assert "parameter shape role inputs outputs source" in out
    assert "blocks.1.linear.kernel 3x3x16x32 convolution 0 1 2 3 layer" in out
    assert "head.bias 10 bias 0 layer" in out
    assert "head.kernel 64x10 head 0 1 declared" in out


def test_the_card_of_a_rule_for_matrices_says_who_moves_a_vector_what_is_kept_and_what_it_costs(padl_command):
    out = [" ".join(line.split()) for line in padl_command("show", "muon")[1].splitlines()]
    assert "parameter shape role moved by slots state products" in out
    assert "vector 256 bias adamw mu nu 2 0" in out
    assert "square 256x256 matrix muon m 1 3,840" in out  # five times three products, each 256 for a number
    assert "long 256x1024 matrix muon m 1 2,240" in out  # six of 256, and eleven of the Gram matrix, a quarter each
    soap = " ".join(padl_command("show", "soap")[1].split())
    assert "matrix soap M V L R QL 6" in soap
    assert "eigh, qr" in soap
    assert "who moves a parameter" not in padl_command("show", "adam")[1]


def test_the_card_of_a_model_that_the_default_task_has_no_inputs_for_says_why_it_has_no_table(
    padl_command, monkeypatch
):
    monkeypatch.setattr(registry.model, "_entries", dict(names.of("model")._entries))

    @registry.model()
    def of_words(shape, outputs, *, rngs):
        """Reads words."""
        raise PadlError("model 'of_words' needs words")

    code, out, _ = padl_command("show", "of_words")
    assert code == 0
    assert "its parameters on the task digits cannot be shown: model 'of_words' needs words\n" in out


@pytest.mark.parametrize("columns", ["80", "100"])
def test_cards_and_lists_fit_into_their_columns(padl_command, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for words in (("list",), *(("show", entry.name) for entry in ENTRIES)):
        assert max(map(len, padl_command(*words)[1].splitlines())) <= int(columns), words


def test_the_card_of_a_loss_says_what_it_takes_gives_and_is_least_at(padl_command):
    out = " ".join(padl_command("show", "bce")[1].split())
    for fact in (
        "predictions probabilities: [0, 1]",
        "targets [0, 1], usually 0 or 1",
        "range [0, 100]",
        "convex yes, in the predictions",
        "estimates the probability (strictly proper)",
        "family binary",
    ):
        assert fact in out
    assert "convex no" in " ".join(padl_command("show", "focal")[1].split())


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_docstring_that_is_fitted_keeps_its_words_and_their_order(width):
    for entry in ENTRIES:
        text = inspect.getdoc(entry.function) or ""
        assert fitted(text, width).split() == text.split(), entry.name
        assert width < 80 or max(map(len, fitted(text, width).splitlines()), default=0) <= width


def test_a_docstring_that_fits_stays_as_it_is():
    text = "One\nline a sentence.\n\n    a = b      c = d\n"
    assert fitted(text, 20) == text


def test_formulas_side_by_side_come_to_stand_below_each_other_and_an_argument_keeps_its_indent():
    text = "What.\n\n    a = b + c      c = d\n\nArgs:\n    x: a number, which\n        may be large.\n    y: 0."
    below = (
        "What.\n\n    a = b + c\n    c = d\n\nArgs:\n    x: a number,\n        which may be\n        large.\n    y: 0."
    )
    assert fitted(text, 20) == below


def test_a_list_says_whose_an_entry_is_where_some_are_strangers(padl_command, plugin_losses, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert "origin" in padl_command("list", "loss")[1]
    assert "a_plugin" in padl_command("list", "loss")[1]
    assert "origin" not in padl_command("list", "schedule")[1]


# Pictures


@pytest.fixture
def pictures(monkeypatch):
    """What would be drawn: a list of (view, curves, title, file)."""
    told = []
    monkeypatch.setattr(loss_curves, "draw", lambda *what: told.append(what))
    return told


def test_a_loss_is_drawn_into_the_file(padl_command, tmp_path):
    code, out, err = padl_command("show", "huber", "--plot", "huber.png", "delta=0.5,1,2")
    assert (code, out, err) == (0, "huber.png: huber\n", "")
    assert (tmp_path / "huber.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "title", "labels"),
    [
        ("huber", "huber, delta = 1", ["huber, delta = 1"]),
        ("huber delta=2", "huber, delta = 2", ["huber, delta = 2"]),
        ("huber delta=0.5,inf", "huber", ["delta = 0.5", "delta = inf"]),
        ("huber delta=range(1,4)", "huber", ["delta = 1", "delta = 2", "delta = 3"]),
        ("hinge p=2,1 margin=0.5", "hinge, margin = 0.5", ["p = 2", "p = 1"]),
        ("bce_with_logits pos_weight=2,null,3", "bce_with_logits", [f"pos_weight = {w}" for w in ("2", "null", "3")]),
        ("mae huber", "mae, huber", ["mae", "huber, delta = 1"]),
    ],
)
def test_a_curve_is_drawn_for_each_value_or_loss(padl_command, pictures, words, title, labels):
    code, _, err = padl_command("show", *words.split(), "--plot=x.svg")
    assert (code, err) == (0, "")
    ((_, curves, drawn_title, file),) = pictures
    assert (drawn_title, [curve.label for curve in curves], file.name) == (title, labels, "x.svg")


def test_each_curve_is_that_of_its_own_value(padl_command, pictures):
    padl_command("show", "bce_with_logits", "--plot", "x.png", "pos_weight=2,null,3")
    slopes = [curve.gradient[0] for curve in pictures[0][1]]  # -P (1 - σ(-6))
    np.testing.assert_allclose(slopes, [-2, -1, -3], rtol=0.01)  # σ(-6) is 0.0025


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("adam --plot a.png", "--plot draws losses, and 'adam' is of kind 'optimizer'"),
        ("hubr --plot a.png", "nothing is called 'hubr'; did you mean 'huber'?"),
        ("--plot a.png", "draws a loss: which one?"),
        ("huber --plot", "--plot takes one file, .png, .svg or .pdf"),
        ("huber --plot=", "--plot takes one file"),
        ("huber --plot a.png --plot b.png", "--plot takes one file"),
        ("huber --plot a", "--plot a: the file must end in .png, .svg, .pdf"),
        ("huber --plot a.gif", "--plot a.gif: the file must end in .png, .svg, .pdf"),
        ("huber --plot gone/a.png", "--plot gone/a.png: there is no folder gone"),
        ("huber --plot /proc/a.png", "/proc/a.png cannot be written: "),
        ("huber --plt a.png", "padl show has no option '--plt'; did you mean '--plot'?"),
        ("huber delta=1", "padl show takes one name"),
        ("huber mse", "padl show takes one name"),
        ("huber --plot a.png delt=1", "loss 'huber' has no 'delt'; did you mean 'delta'?"),
        ("huber --plot a.png delta=1,-1", "delta=-1.0 is outside its domain (0, inf]"),
        ("huber --plot a.png delta=wide", "delta='wide' is not a number"),
        ("huber --plot a.png delta=[1", "delta=[1 cannot be read: a hyperparameter is given as delta=1"),
        ("huber --plot a.png +delta=1", "+delta=1 cannot be read"),
        ("huber --plot a.png delta=1 delta=2", "gives one hyperparameter twice"),
        ("huber --plot a.png delta=range(1,30)", "delta has 29 values, more than the 12 curves"),
        ("general_robust --plot a.png alpha=1,2 scale=1,2", "alpha and scale have several values each"),
        ("huber mse --plot a.png delta=2", "delta=2 is for one loss, and 2 are drawn"),
        ("huber hinge --plot a.png", "one picture has one axis"),
        ("kl_div --plot a.png log_target=true", "kl_div, log_target = true: the loss is nowhere finite"),
        ("cross_entropy --plot a.png weight=[1,2,3]", "weight of shape (3,) does not fit"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_nothing_is_written(padl_command, tmp_path, words, message):
    code, out, err = padl_command("show", *words.split())
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err
    assert not list(tmp_path.iterdir())


# Plugins


@pytest.fixture
def plugin_losses(monkeypatch):
    """Losses of a plugin: of values, of something of its own, and one that fails."""
    monkeypatch.setattr(registry.loss, "_entries", dict(names.of("loss")._entries))
    for words in (argument_domains.TARGETS, argument_domains.PREDICTIONS):
        monkeypatch.setitem(words, "trees", "parse trees")
    with registry.origin("a_plugin"):

        @loss(targets="values")
        def cubed(predictions, targets):
            """|a|³."""
            return (jnp.abs(predictions - targets) ** 3).mean()

        @loss(targets="trees", predictions="trees", about={"round": True, "tests": cubed})
        def of_trees(predictions, targets):
            """Of trees."""

        @loss(targets="values")
        def failing(predictions, targets):
            """Fails."""
            raise RuntimeError("no such\nthing")


@pytest.mark.usefixtures("plugin_losses")
class TestPlugins:
    def test_a_loss_of_values_is_drawn_over_the_residual(self, padl_command, pictures):
        assert padl_command("show", "cubed", "--plot", "x.png")[0] == 0
        assert padl_command("show", "cubed", "mse", "--plot", "x.png")[0] == 0
        assert pictures[0][0].label == "residual: prediction - target"

    def test_a_loss_of_something_else_says_what_is_missing(self, padl_command):
        code, _, err = padl_command("show", "of_trees", "--plot", "x.png")
        assert (code, err.count("\n")) == (2, 1)
        assert "loss 'of_trees' from a_plugin does not say along what to draw it: @loss(view=" in err

    def test_a_loss_that_fails_is_one_line(self, padl_command):
        code, _, err = padl_command("show", "failing", "--plot", "x.png")
        assert (code, err) == (2, "padl: loss 'failing' from a_plugin fails: RuntimeError: no such\n")

    def test_facts_of_a_plugins_own_stand_on_its_card_as_they_are(self, padl_command):
        out = " ".join(padl_command("show", "of_trees")[1].split())
        assert "predictions parse trees targets parse trees round yes tests cubed origin a_plugin" in out
        assert out.endswith("hint: it has no reference: @loss(reference='Authors year, where')")
