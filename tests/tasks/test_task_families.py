"""Every family of losses on a task of its own: words, partners, lines, edit distances, and what trains end to end."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl.data import source
from padl.data.source import Data, take
from padl.registry import StaticPartial
from padl.tasks import pair_sampling
from padl.tasks.edit_distance import edit_distance, greedy, packed
from padl.tasks.embedding import nearest, vote
from padl.tasks.line_reading import compose
from padl.tasks.loss_inputs import CLASSES, Words, of_classes
from padl.tasks.pair_ranking import concordance
from padl.tasks.task import ObjectiveConfig

KEY = jax.random.key(0)


# The words of losses


def test_every_word_for_targets_and_predictions_of_classes_is_what_it_says():
    x, labels = jnp.array([[0.5, -1.0, 2.0]]), jnp.array([2])
    targets = {
        "labels": [2],
        "indicators": [[0, 0, 1]],
        "signs": [[-1, -1, 1]],
        "label_lists": [[2, -1, -1]],
        "distributions": [[0, 0, 1]],
    }
    predictions = {
        "logits": x,
        "scores": x,
        "log_probabilities": x - np.log(np.exp(x).sum()),
        "probabilities": 1 / (1 + np.exp(-x)),
    }
    assert {words.targets for words in CLASSES} == targets.keys()
    assert {words.predictions for words in CLASSES} == predictions.keys()
    for words in CLASSES:
        p, t = of_classes(x, labels, words)
        np.testing.assert_allclose(p, predictions[words.predictions], rtol=1e-6)
        np.testing.assert_array_equal(t, targets[words.targets])


def test_every_loss_but_those_of_counts_and_vocabularies_has_a_task():
    from padl.app import names

    fits = [
        words
        for name in ("digits", "permeability", "digits_embedding", "ranking", "digit_lines")
        for words in padl.task(name).fits
    ]
    entries = [e for e in names.of("loss") if e.origin == "padl"]
    homeless = {e.name for e in entries if (e.traits["targets"], e.traits["predictions"]) not in fits}
    assert homeless == {"poisson_nll", "linear_cross_entropy"}


def test_a_loss_that_says_nothing_of_its_predictions_is_taken_as_it_is():
    from padl.app.compatibility import words
    from padl.registry import Entry

    task = padl.task("digits")
    silent = Entry("loss", "mine", lambda p, t: p, "", "", "a plugin", {"targets": "signs"})
    assert words(silent, task).among(task.fits)
    assert not words(silent, padl.task("permeability")).among(padl.task("permeability").fits)
    np.testing.assert_array_equal(
        of_classes(jnp.ones((1, 2)), jnp.array([0]), words(silent, task))[0], jnp.ones((1, 2))
    )


# Training end to end

CLASSIFIED = ["bce", "hinge", "nll", "kl_div", "multi_margin", "multilabel_margin", "focal"]  # each pair of words once
LINEAR = {"model": "linear", "optimizer": {"name": "adam", "learning_rate": 0.02}, "devices": 1}
MLP = {"model": {"name": "mlp", "widths": [32]}, "optimizer": {"name": "adam", "learning_rate": 0.01}, "devices": 1}


@pytest.mark.parametrize("loss", CLASSIFIED)
def test_digits_are_told_apart_by_a_loss_of_any_words(loss):
    made = padl.train(loss=loss, steps=200, eval_every=200, **LINEAR)
    assert made.summary["final"]["accuracy"] > 0.9  # chance is 0.1


@pytest.mark.parametrize("loss", ["gaussian_nll", "crps_gaussian"])
def test_a_loss_of_moments_trains_a_mean_and_a_spread(loss, tmp_path):
    made = padl.train(
        "permeability", loss=loss, steps=300, eval_every=300, run={"dir": str(tmp_path), "plot": False}, **MLP
    )
    assert made.summary["final"]["rmse"] < 0.3  # decades, of targets whose deviation is 1.07
    assert padl.load(made.folder)(padl.task("permeability").rows["inputs"][:3]).shape == (3,)
    assert padl.evaluate(made.folder) == made.summary["final"]


def test_a_quantile_decides_by_its_loss_and_covers_its_share():
    made = padl.train("permeability", loss={"name": "quantile", "q": 0.9}, steps=400, eval_every=40, **MLP)
    assert made.summary["decided_by"] == {"metric": "loss", "direction": "min"}
    assert made.summary["best"]["loss"] == pytest.approx(np.nanmin(made.history["eval/loss"]))
    assert 0.8 < made.summary["best"]["coverage"] < 0.97


@pytest.mark.parametrize(
    "loss", ["triplet_margin", "cosine_embedding", "info_nce", "nt_xent", "siglip", "hinge_embedding"]
)
def test_an_embedding_puts_digits_of_a_kind_together(loss):
    made = padl.train({"name": "digits_embedding", "dimensions": 4}, loss=loss, steps=150, eval_every=150, **LINEAR)
    assert made.summary["final"]["knn_accuracy"] > UNTRAINED + 0.1


UNTRAINED = 0.72  # knn_accuracy of four random projections of the pixels; 0.69 to 0.72 over three seeds


def test_a_ranking_puts_most_pairs_in_their_order():
    made = padl.train("ranking", steps=200, eval_every=200, **MLP)
    assert made.summary["final"]["concordance"] > 0.9  # chance is 0.5
    assert "train/concordance" not in made.history


def test_lines_of_digits_are_read(tmp_path):
    model = {"name": "tdnn", "widths": [64], "stride": 4}
    options = {**MLP, "model": model, "run": {"dir": str(tmp_path), "plot": False}}
    made = padl.train({"name": "digit_lines", "longest": 2}, steps=300, eval_every=300, **options)
    assert made.summary["final"]["label_error_rate"] < 0.15  # reading nothing is 1
    assert padl.evaluate(made.folder) == made.summary["final"]  # the same lines again
    rows = padl.task("digits").rows
    line = np.concatenate([rows["inputs"][10], rows["inputs"][11]], axis=1)[None]
    alone = np.concatenate([rows["inputs"][10], np.zeros_like(rows["inputs"][10])], axis=1)[None]
    read = padl.load(made.folder)(np.concatenate([line, alone]))
    np.testing.assert_array_equal(read[:, :2], [rows["labels"][10:12], [rows["labels"][10], -1]])


def test_an_autoencoder_gives_images_back_and_weighs_what_their_codes_tell(tmp_path):
    options = {**MLP, "run": {"dir": str(tmp_path), "plot": False}}
    made = padl.train({"name": "digits_autoencoder", "beta": 0.5}, steps=300, eval_every=300, **options)
    final = made.summary["final"]
    assert final["loss"] == pytest.approx(final["reconstruction"] + 0.5 * final["kl"], rel=1e-5)
    assert made.summary["decided_by"]["metric"] == "loss"
    assert padl.evaluate(made.folder) == final  # with the same noise in the codes
    images = padl.task("digits").rows["inputs"].astype(np.float32)
    given = padl.load(made.folder)(images)
    assert given.shape == images.shape
    assert ((given - images) ** 2).mean() < 0.7 * images.var(0).mean()  # of what the mean image leaves


@pytest.mark.parametrize("task", ["digits_embedding", "ranking", "digit_lines", "digits_autoencoder"])
def test_a_task_runs_in_parts_over_devices_and_in_half_precision(task):
    model = {"name": "tdnn" if task == "digit_lines" else "mlp", "widths": [8]}
    options = {"steps": 2, "batch_size": 16, "accumulate": 2, "devices": 4, "dtype": "bfloat16"}
    made = padl.train(task, model=model, **options)
    assert made.status == "finished"
    assert all(np.isfinite(value) for value in (*made.summary["final"].values(), *made.summary["final_train"].values()))


def test_a_sweep_over_a_losss_scalar_and_the_tasks_is_one_program(padl_command, tmp_path):
    common = ("model=linear", "steps=4", "progress=none", "wandb.mode=disabled", "run.plot=false", "devices=1")
    for words in (
        "task=digits_embedding loss.margin=0.1,0.5 seed=0,1",
        "task=digits_autoencoder task.beta=0.5,1 seed=0,1",
    ):
        code, out, err = padl_command("train", "-m", *words.split(), *common)
        assert (code, err) == (0, "")
        assert out.startswith("4 runs in 1 program")


# Partners


def drawn(seed, labels, real=None):
    labels = jnp.asarray(labels)
    return pair_sampling.draw(
        jax.random.key(seed), labels, jnp.ones(len(labels), bool) if real is None else jnp.asarray(real)
    )


def test_partners_are_another_of_the_class_and_one_of_another_and_never_filling():
    labels, real = np.array([0, 0, 0, 1, 1, 2, 0]), np.array([1, 1, 1, 1, 1, 1, 0], bool)
    for seed in range(20):
        found = drawn(seed, labels, real)
        assert (np.asarray(found.has_positive) == [1, 1, 1, 1, 1, 0, 0]).all()
        assert (np.asarray(found.has_negative) == [1, 1, 1, 1, 1, 1, 0]).all()
        i, positive, negative = np.arange(5), np.asarray(found.positive)[:5], np.asarray(found.negative)[:5]
        assert (labels[positive] == labels[:5]).all()
        assert (positive != i).all()
        assert (labels[negative] != labels[:5]).all()
        assert real[positive].all()
        assert real[negative].all()


def test_a_query_chooses_among_its_key_and_the_other_classes():
    labels = np.array([0, 0, 0, 1, 1, 2])
    found = drawn(0, labels)
    call = pair_sampling.keys(KEY, jnp.ones((6, 2)), found)
    for i in range(6):
        allowed = {j for j in range(6) if labels[j] != labels[i]} | ({int(found.positive[i])} if i < 5 else set())
        assert set(np.flatnonzero(call.where[i])) == allowed


def objective_config(loss, *words):
    return ObjectiveConfig(StaticPartial(padl.models.linear), StaticPartial(loss), Words(*words))


def test_a_batch_of_one_class_has_no_triplets_and_costs_nothing():
    task = padl.task("digits_embedding")
    objective = task.objective(objective_config(padl.losses.triplet_margin, "triplets"))
    rows = {name: column[task.rows["labels"] == 3] for name, column in task.rows.items()}
    data = jax.device_put(Data(rows, task.split(0, {})))
    hparams = {"model": {}, "loss": {"margin": 1.0}, "task": {}}
    params, model_state = objective.init(KEY, hparams)
    batch = take(data.rows, jnp.arange(8))
    (total, count), _ = objective.loss(params, model_state, hparams, batch, data.stats, KEY)
    assert (float(total), float(count)) == (0.0, 0.0)


def test_the_nearest_points_are_found_and_vote_and_a_tie_goes_to_the_nearest():
    rng = np.random.default_rng(0)
    points, known = rng.standard_normal((7, 3)) + 50, rng.standard_normal((20, 3)) + 50  # far from 0: nothing cancels
    distances = np.linalg.norm(points[:, None] - known[None], axis=-1)
    np.testing.assert_array_equal(nearest(*map(jnp.asarray, (points, known)), 5), np.argsort(distances)[:, :5])
    far = (jnp.asarray(1e25 * x) for x in (points, known))  # whose squares overflow
    np.testing.assert_array_equal(nearest(*far, 5), np.argsort(distances)[:, :5])
    np.testing.assert_array_equal(vote(jnp.array([[1, 2, 2, 3], [4, 3, 3, 4], [5, 6, 7, 8]])), [2, 4, 5])


@pytest.mark.parametrize("task", ["digits_embedding", "ranking"])
def test_a_metric_of_all_held_out_rows_is_the_same_in_batches_of_any_size(task, monkeypatch):
    made = padl.task(task, held_out=0.05)
    loss, word = ("triplet_margin", "triplets") if task == "digits_embedding" else ("margin_ranking", "order")
    objective = made.objective(objective_config(getattr(padl.losses, loss), word))
    scalars = {"noise": 0.05} if task == "ranking" else {}
    data = jax.device_put(Data(made.rows, made.split(0, scalars)))
    hparams = {"model": {}, "loss": {"margin": 1.0}, "task": scalars}
    params, model_state = objective.init(KEY, hparams)
    whole = jax.jit(objective.evaluate)(params, model_state, hparams, data)
    monkeypatch.setattr(source, "EVALUATION_BATCH", 64)  # the last batch is filled up
    parts = jax.jit(lambda *a: objective.evaluate(*a))(params, model_state, hparams, data)
    assert float(parts[made.criterion.metric]) == pytest.approx(float(whole[made.criterion.metric]), rel=1e-6)
    assert float(parts["loss"]) == pytest.approx(float(whole["loss"]), rel=0.3)  # of other pairs of the same rows


def test_a_loss_of_moments_with_another_third_argument_is_refused():
    def mine(predictions, targets, widths, **_):
        raise AssertionError("not called")

    with pytest.raises(padl.PadlError, match="names its third argument variances or scales"):
        padl.task("permeability").objective(objective_config(mine, "values", "moments"))


def test_concordance_is_the_share_of_ordered_pairs_and_equal_scores_count_half():
    rng = np.random.default_rng(1)
    scores, truth = rng.integers(0, 5, 30).astype(np.float32), rng.integers(0, 9, 30).astype(np.float32)
    found = [
        (np.sign(scores[i] - scores[j]) * np.sign(truth[i] - truth[j]) + 1) / 2
        for i, j in itertools.combinations(range(30), 2)
        if truth[i] != truth[j]
    ]
    assert float(concordance(jnp.asarray(scores), jnp.asarray(truth))) == pytest.approx(np.mean(found), rel=1e-6)


# Lines


def levenshtein(a, b):
    """The table of Wagner & Fischer 1974, in plain Python."""
    table = [list(range(len(b) + 1))]
    for i, x in enumerate(a):
        table.append([i + 1])
        for j, y in enumerate(b):
            table[-1].append(min(table[i][j] + (x != y), table[i][j + 1] + 1, table[-1][j] + 1))
    return table[-1][-1]


def test_edit_distances_are_those_of_plain_python():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-1, 3, (60, 7)), rng.integers(0, 3, (60, 5))
    b[np.arange(5)[None, :] >= rng.integers(0, 6, 60)[:, None]] = -1
    expected = [
        levenshtein([x for x in left if x >= 0], [y for y in right if y >= 0]) for left, right in zip(a, b, strict=True)
    ]
    np.testing.assert_array_equal(edit_distance(jnp.asarray(a), jnp.asarray(b)), expected)
    np.testing.assert_array_equal(edit_distance(packed(jnp.asarray(a)), jnp.asarray(b)), expected)


def test_frames_spell_their_labels_once_for_each_run_and_none_behind_their_end():
    best = jnp.array([[0, 3, 3, 0, 3, 1, 1], [2, 2, 1, 0, 0, 1, 1]])
    found = greedy(jax.nn.one_hot(best, 4), jnp.array([7, 4]))
    np.testing.assert_array_equal(packed(found), [[2, 2, 0, -1, -1, -1, -1], [1, 0, -1, -1, -1, -1, -1]])


def test_a_line_holds_whole_images_of_the_real_rows_in_the_order_of_its_labels_and_nothing_behind_them():
    labels = jnp.arange(1, 7)
    images = jnp.broadcast_to(labels[:, None, None, None], (6, 2, 3, 1))
    real = jnp.arange(6) < 4
    lengths, seen = set(), set()
    for seed in range(10):
        lines = compose(jax.random.key(seed), images, labels, real, longest=3)
        cells = np.asarray(lines.images).reshape(6, 2, 3, 3)  # lines, height, cells, width
        shown = np.asarray(jnp.where(lines.labels >= 0, lines.labels, 0))
        np.testing.assert_array_equal(cells, np.broadcast_to(shown[:, None, :, None], cells.shape))
        lengths |= set(np.asarray(lines.lengths).tolist())
        seen |= set(shown.ravel().tolist())
    assert (lengths, seen) == ({1, 2, 3}, {0, 1, 2, 3, 4})
