"""A digest tells a thing from another one, and is the same for the same thing in another process."""

import subprocess
import sys
from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import nnx
from own_things import CLASSES, Net, X

import padl
from padl.app.objects.content import _words, digest


def scaled(factor):
    return lambda predictions, targets: factor * (predictions - targets) ** 2


def objective(power):
    return padl.tasks.objective(init=lambda key: {"w": jnp.ones(2)}, loss=lambda p, b, k: (p["w"] ** power).sum())


def model(rate=0.1, seed=0):
    return Net(3, 2, rate=rate, rngs=nnx.Rngs(seed))


DIFFERENT = [
    (lambda: scaled(1.0), lambda: scaled(2.0)),
    (lambda: jax.jit(scaled(1.0)), lambda: jax.jit(scaled(2.0))),
    (lambda: partial(Net, hidden=3), lambda: partial(Net, hidden=4)),
    (lambda: optax.sgd(0.1), lambda: optax.sgd(0.2)),
    (lambda: optax.sgd(0.1), lambda: optax.adam(0.1)),
    (
        lambda: optax.adam(optax.cosine_decay_schedule(0.1, 10)),
        lambda: optax.adam(optax.cosine_decay_schedule(0.1, 20)),
    ),
    (lambda: optax.inject_hyperparams(optax.adam)(0.1), lambda: optax.inject_hyperparams(optax.adam)(0.2)),
    (model, lambda: model(rate=0.2)),
    (model, lambda: model(seed=1)),
    (lambda: objective(2), lambda: objective(4)),
    (lambda: optax.lion, lambda: optax.adamw),
    (lambda: lambda fraction: 1 - fraction, lambda: lambda fraction: 1 - fraction**2),
    (lambda: lambda p, t, scale=1.0: scale, lambda: lambda p, t, scale=2.0: scale),
]


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_another_number_code_or_default_is_another_digest(one, other):
    assert digest(one()) == digest(one())
    assert digest(one()) != digest(other())


def test_the_rows_of_a_task_are_left_to_their_own_digest():
    numbers = padl.tasks.arrays(X, X[:, 0])
    assert digest(numbers) == digest(padl.tasks.arrays(2 * X, X[:, 1]))
    assert digest(numbers) != digest(CLASSES)
    assert digest(CLASSES) != digest(objective(2))


def test_comments_and_places_do_not_matter_and_code_does():
    def made(text):
        variables = {}
        exec(text, variables)
        return digest(variables["loss"])

    one = made("def loss(p, t):\n    return p - t\n")
    assert one == made("\n\ndef loss(p, t):\n    # why\n    return p - t\n")
    assert one != made("def loss(p, t):\n    return t - p\n")


def test_what_closes_over_itself_or_over_a_module_has_a_digest():
    import optax as library

    def loss(predictions, targets):
        return loss.scale * library.huber_loss(predictions, targets)

    assert digest(loss) == digest(loss)
    assert len(list(_words(loss, {}))) < 100  # and not the whole library


def test_another_process_comes_to_the_same_digest():
    code = (
        "import optax\nfrom padl.app.objects.content import digest\n"
        "print(digest(optax.chain(optax.clip(1.0), optax.adamw(0.1, mask={'a', 'b', 'c'}))))"
    )
    here = digest(optax.chain(optax.clip(1.0), optax.adamw(0.1, mask={"a", "b", "c"})))
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == here
