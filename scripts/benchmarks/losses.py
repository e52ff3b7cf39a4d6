"""Time losses, value and gradient together.

    losses     each elementwise loss of 16 M elements, checks and all : the obvious line of jax.numpy, without
    ctc        16 sequences of 400 frames and 60 labels, 64 and 5,000 classes : optax.ctc_loss; torch where installed
    ctc_error  the largest error of a gradient in float32 at 2,000 frames : torch's, both against torch's in float64
    linear_ce  8,192 tokens of width 1,024, a vocabulary of 128,000 : its logits held whole

Rows `memory` are temporary bytes of the compiled programs, and need no rounds. linear_ce takes two minutes a round, and
12 GB of memory.
"""

import importlib
import importlib.util
from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from harness import Result, Timing, benchmark, weigh, weighed

from padl import losses

ELEMENTS = 16_000_000
FRAMES, LABELS, SEQUENCES = 400, 60, 16
TOKENS, WIDTH, VOCABULARY = 8192, 1024, 128_000

Loss = Callable[..., jax.Array]
LINES: dict[str, tuple[str, Loss]] = {  # what the second argument is, and the obvious line
    "mse": ("real", lambda x, y: ((x - y) ** 2).mean()),
    "mae": ("real", lambda x, y: jnp.abs(x - y).mean()),
    "huber": ("real", lambda x, y: jnp.where(abs(x - y) <= 1, (x - y) ** 2 / 2, abs(x - y) - 0.5).mean()),
    "smooth_l1": ("real", lambda x, y: jnp.where(abs(x - y) < 1, (x - y) ** 2 / 2, abs(x - y) - 0.5).mean()),
    "log_cosh": ("real", lambda x, y: jnp.log(jnp.cosh(x - y)).mean()),
    "quantile": ("real", lambda x, y: jnp.maximum(0.5 * (y - x), -0.5 * (y - x)).mean()),
    "general_robust": ("real", lambda x, y: (((x - y) ** 2 + 1) ** 0.5 - 1).mean()),
    "bce": ("yes", lambda x, y: -(y * jnp.log(x) + (1 - y) * jnp.log1p(-x)).mean()),
    "bce_with_logits": ("yes", lambda x, y: (jax.nn.softplus(x) - x * y).mean()),
    "focal": ("yes", lambda x, y: (jax.nn.sigmoid(-(2 * y - 1) * x) ** 2 * jax.nn.softplus(-(2 * y - 1) * x)).mean()),
    "hinge": ("sign", lambda x, y: jnp.maximum(0, 1 - y * x).mean()),
    "soft_margin": ("sign", lambda x, y: jax.nn.softplus(-y * x).mean()),
    "hinge_embedding": ("sign", lambda x, y: jnp.where(y > 0, x, jnp.maximum(0, 1 - x)).mean()),
    "kl_div": ("share", lambda x, y: (y * (jnp.log(y) - x)).mean()),
    "poisson_nll": ("count", lambda x, y: (jnp.exp(x) - y * x).mean()),
}
DRAWN: dict[str, Callable[[jax.Array], jax.Array]] = {
    "real": lambda key: jax.random.normal(key, (ELEMENTS,)),
    "share": lambda key: jax.random.uniform(key, (ELEMENTS,), minval=0.01, maxval=0.99),
    "yes": lambda key: jax.random.bernoulli(key, 0.5, (ELEMENTS,)).astype(jnp.float32),
    "sign": lambda key: 2 * jax.random.bernoulli(key, 0.5, (ELEMENTS,)).astype(jnp.float32) - 1,
    "count": lambda key: jax.random.randint(key, (ELEMENTS,), 0, 9).astype(jnp.float32),
}


def compiled(loss: Loss, *arguments: jax.Array, wrt: int | tuple[int, ...] = 0) -> tuple[Timing, Any, int]:
    """Compile a value and gradient: how to time one, the program, and its temporary bytes."""
    program = jax.jit(jax.value_and_grad(loss, wrt)).lower(*arguments).compile()

    def seconds() -> float:
        start = perf_counter()
        jax.block_until_ready(program(*arguments))
        return perf_counter() - start

    memory: Any = program.memory_analysis()
    return seconds, program, memory.temp_size_in_bytes


@benchmark("losses", each=1.05)
def elementwise(rounds: int) -> Iterator[Result]:
    keys = jax.random.split(jax.random.key(0), 2)
    for name, (kind, line) in LINES.items():
        x = jax.jit(DRAWN["share" if name == "bce" else "real"])(keys[0])
        y = jax.jit(DRAWN[kind])(keys[1])
        ours, theirs = (compiled(loss, x, y)[0] for loss in (getattr(losses, name), line))
        yield weigh(name, "one line of jax.numpy", ours, theirs, rounds)


def sequences(frames: int, labels: int, classes: int, batch: int) -> tuple[jax.Array, jax.Array]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(batch, frames, classes)).astype(np.float32)
    return jnp.asarray(logits), jnp.asarray(rng.integers(1, classes, size=(batch, labels)))


@benchmark(
    "ctc",
    **{f"{kind} {classes}": bound for classes in (64, 5000) for kind, bound in (("optax", 0.75), ("memory", 0.7))},
)
def ctc_time(rounds: int) -> Iterator[Result]:
    for classes in (64, 5000):
        x, y = sequences(FRAMES, LABELS, classes, SEQUENCES)
        none = jnp.zeros((SEQUENCES, FRAMES)), jnp.zeros((SEQUENCES, LABELS))
        ours, _, temporary = compiled(lambda x, y=y: losses.ctc(x, y, reduction="sum"), x)
        theirs, _, of_peer = compiled(lambda x, y=y, none=none: optax.ctc_loss(x, none[0], y, none[1]).sum(), x)
        yield weigh(f"optax {classes}", "optax.ctc_loss", ours, theirs, rounds)
        note = f"{temporary / 2**20:.1f} MiB of temporaries, of the peer {of_peer / 2**20:.1f}"
        yield Result(f"memory {classes}", "optax.ctc_loss", temporary / of_peer, note=note)
        if importlib.util.find_spec("torch"):
            torch = importlib.import_module("torch")
            yield weigh(f"torch {classes}", f"torch {torch.__version__}", ours, partial(in_torch, torch, x, y), rounds)


def torch_ctc(torch: Any, x: Any, y: Any, dtype: str) -> tuple[Any, Any]:
    """torch's loss and gradient of logits (B, T, K), summed."""
    leaf = torch.tensor(np.asarray(x), dtype=getattr(torch, dtype)).requires_grad_()
    frames, labels = (torch.full((len(x),), n) for n in (x.shape[1], y.shape[1]))
    targets = torch.tensor(np.asarray(y), dtype=torch.long)
    value = torch.nn.functional.ctc_loss(leaf.log_softmax(-1).transpose(0, 1), targets, frames, labels, reduction="sum")
    value.backward()
    return value, leaf.grad


def in_torch(torch: Any, x: Any, y: Any) -> float:
    start = perf_counter()
    torch_ctc(torch, x, y, "float32")
    return perf_counter() - start


@benchmark("ctc_error", each=1.0)
def ctc_error(rounds: int) -> Iterator[Result]:
    if importlib.util.find_spec("torch") is None:
        yield Result("", "torch", note="torch is not installed")
        return
    torch = importlib.import_module("torch")
    x, y = sequences(2000, 200, 64, 1)
    exact = torch_ctc(torch, x, y, "float64")[1].numpy()
    gradient = jax.jit(jax.grad(lambda x: losses.ctc(x, y, reduction="sum")))(x)
    ours, theirs = (abs(np.asarray(g) - exact).max() for g in (gradient, torch_ctc(torch, x, y, "float32")[1].numpy()))
    yield Result("", f"torch {torch.__version__}", float(ours / theirs), note=f"{ours:.2g}, of the peer {theirs:.2g}")


def all_logits(h: jax.Array, kernel: jax.Array, y: jax.Array) -> jax.Array:
    x = h @ kernel
    return (jax.nn.logsumexp(x, -1) - jnp.take_along_axis(x, y[:, None], -1)[:, 0]).mean()


@benchmark("linear_ce", time=1.15, memory=0.25)
def vocabulary(rounds: int) -> Iterator[Result]:
    keys = jax.random.split(jax.random.key(0), 3)
    h, kernel = jax.random.normal(keys[0], (TOKENS, WIDTH)), jax.random.normal(keys[1], (WIDTH, VOCABULARY)) / 32
    y = jax.random.randint(keys[2], (TOKENS,), 0, VOCABULARY)
    chunked = lambda h, kernel, y: losses.linear_cross_entropy(h, y, kernel)  # noqa: E731
    ours, _, temporary = compiled(chunked, h, kernel, y, wrt=(0, 1))
    theirs, _, of_peer = compiled(all_logits, h, kernel, y, wrt=(0, 1))
    note = f"{temporary / 2**20:,.0f} MiB of temporaries, of the peer {of_peer / 2**20:,.0f}"
    yield Result("memory", "all logits", temporary / of_peer, note=note)
    pairs = [(ours(), theirs()) for _ in range(max(rounds // 3, 1))]  # a minute each
    yield weighed("time", "all logits", pairs, f"n = {len(pairs)}, the first counts")
