"""Write peers by hand: the same networks, steps and loops in jax, and in torch. mlp, cnn, by_hand, in_torch."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import optax
from harness import Timing, repeat

from padl.app.plan import Plan
from padl.data import batches
from padl.models.convolutional import halve
from padl.tasks.supervised import standardise

STEPS = 50  # of one compiled call
CALLS = 20  # in one timing


def mlp(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    x = x.reshape(len(x), -1)
    for i in range(2):
        x = jax.nn.relu(x @ params[f"blocks.{i}.linear.kernel"] + params[f"blocks.{i}.linear.bias"])
    return x @ params["head.kernel"] + params["head.bias"]


def cnn(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    """Differs from PADL's in the convolution alone, which is the one that `flax.nnx.Conv` takes by default."""
    for i in range(3):
        kernel, bias = params[f"blocks.{i}.linear.kernel"], params[f"blocks.{i}.linear.bias"]
        same = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        x = halve(jax.nn.relu(same + bias))
    return x.max((1, 2)) @ params["head.kernel"] + params["head.bias"]


def by_hand(plan: Plan, forward: Callable[..., jax.Array], *, scanned: bool, calls: int = CALLS) -> Timing:
    """Time a step of a hand-written loop: same rows, same parameters, same loss and accuracy, Optax's Adam."""
    adam = optax.adam(1e-3)
    step = partial(step_by_hand, forward, plan.batch_size or 1, adam)

    def steps(carry, key, data):
        return jax.lax.scan(lambda c, _: step(c, key, data), carry, length=STEPS)

    params = jax.jit(plan.experiment.init)(plan.key, plan.hparams).params
    call = jax.jit(steps if scanned else step, donate_argnums=0)
    carry = (params, adam.init(params), jnp.zeros((), jnp.int32))
    return repeat(lambda c: call(c, plan.key, plan.data), carry, calls if scanned else calls * STEPS, calls * STEPS)


def step_by_hand(
    forward: Callable[..., jax.Array], size: int, optimizer: Any, carry: Any, key: jax.Array, data: Any
) -> Any:
    """(parameters, the optimizer's state, steps done) -> the same after one step; loss and accuracy before it."""
    params, state, count = carry
    train = data.split.train
    rows = train[batches.draw(jax.random.fold_in(key, 1), count, len(train), size)]
    x, labels = standardise(data.rows["inputs"][rows], data.split.stats), data.rows["labels"][rows]

    def loss(params):
        logits = forward(params, x)
        value = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return value, (logits.argmax(-1) == labels).mean()

    (value, accuracy), grads = jax.value_and_grad(loss, has_aux=True)(params)
    updates, state = optimizer.update(grads, state, params)
    return (optax.apply_updates(params, updates), state, count + 1), (value, accuracy)


def in_torch(torch: Any, plan: Plan) -> Timing:
    """Time a step of the usual loop in torch, on data in memory: an epoch's order drawn at its start."""
    rows, split, nn = plan.data.rows, plan.data.split, torch.nn
    arrays = (rows["inputs"], rows["labels"], split.train, split.stats["mean"], split.stats["std"])
    images, labels, train, mean, std = (torch.tensor(jax.device_get(x)) for x in arrays)
    layers = nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    net, loss, size = nn.Sequential(nn.Flatten(), *layers), nn.CrossEntropyLoss(), plan.batch_size or 1
    adam = torch.optim.Adam(net.parameters(), lr=1e-3)

    def drawn() -> Iterator[Any]:
        while True:
            yield from train[torch.randperm(len(train))][: len(train) // size * size].split(size)

    def seconds() -> float:
        start = perf_counter()
        for batch in islice(drawn(), CALLS * STEPS):
            x, y = (images[batch].float() - mean) / std, labels[batch].long()
            logits = net(x)
            adam.zero_grad()
            loss(logits, y).backward()
            adam.step()
            (logits.argmax(-1) == y).float().mean()
        return (perf_counter() - start) / (CALLS * STEPS)

    return seconds
