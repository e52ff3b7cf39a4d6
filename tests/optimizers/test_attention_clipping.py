"""qk_clip: logits come down to the bound, head by head; where heads lie, what is recorded, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import padl
from padl.models.attention import MultiHeadAttention, largest_logits
from padl.optimizers import momentum, qk_clip, sgd
from padl.roles.role import ParameterRole
from padl.types import PadlError

rng = np.random.default_rng(0)
X = rng.normal(size=(3, 5, 8))


def logits(x, query, key):
    """(heads,): of one layer, its parameters as {kernel: (inputs, heads, d), bias: (heads, d)}, in float64."""
    q, k = (np.einsum("btc,chd->bthd", x, p["kernel"]) + p["bias"] for p in (query, key))
    k = np.repeat(k, q.shape[2] // k.shape[2], axis=2)
    return (np.einsum("bqhd,bkhd->bhqk", q, k) / np.sqrt(q.shape[-1])).max(axis=(0, 2, 3))


def layer(heads, shared=1):
    of = lambda count: {"kernel": rng.normal(size=(8, count, 4)), "bias": rng.normal(size=(count, 4))}  # noqa: E731
    return {"query": of(heads), "key": of(heads // shared), "value": of(heads)}


HEADS = {"kernel": ParameterRole("matrix", (0,), (1, 2)), "bias": ParameterRole("bias", (), (0, 1))}
ROLES = {f"{layer}.{name}": role for layer in ("query", "key", "value") for name, role in HEADS.items()}


def clipped(params, recorded, roles=ROLES, **settings):
    """The parameters after an update of length 0."""
    tx = qk_clip(sgd(1e-30), roles=roles, **settings)
    grads = jax.tree.map(np.zeros_like, params)
    updates, _ = tx.update(grads, tx.init(params), params, model_state=recorded)
    return jax.tree.map(np.add, params, updates)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_a_head_above_the_bound_comes_down_to_it_and_no_other_is_touched(balance, x64):
    params = layer(4)
    before = logits(X, params["query"], params["key"])
    bound = np.median(before)
    after = clipped(params, {"largest_logits": before}, largest=bound, balance=balance)
    np.testing.assert_allclose(logits(X, after["query"], after["key"]), np.minimum(before, bound), rtol=1e-12)
    gamma = np.minimum(1, bound / before)
    for name, exponent in (("query", balance), ("key", 1 - balance), ("value", 0)):
        np.testing.assert_allclose(after[name]["kernel"], params[name]["kernel"] * gamma[:, None] ** exponent)
        np.testing.assert_allclose(after[name]["bias"], params[name]["bias"] * gamma[:, None] ** exponent)


def test_twenty_steps_are_those_of_the_paper(x64):
    """Around momentum, with logits of the inputs at the parameters before each step."""
    params = layer(3)
    grads = [jax.tree.map(lambda x: rng.normal(size=x.shape), params) for _ in range(20)]
    tx = qk_clip(momentum(0.1, 0.7), largest=20.0, balance=0.3, roles=ROLES)
    mine, state, update = params, tx.init(params), jax.jit(tx.update)
    v = jax.tree.map(np.zeros_like, params)
    for g in grads:
        recorded = logits(X, mine["query"], mine["key"])
        updates, state = update(g, state, mine, model_state={"largest_logits": recorded})
        mine = jax.tree.map(lambda p, u: np.asarray(p + u), mine, updates)
        gamma = np.minimum(1, 20 / logits(X, params["query"], params["key"]))
        v = jax.tree.map(lambda v, g: 0.7 * v + g, v, g)
        params = jax.tree.map(lambda p, v: p - 0.1 * v, params, v)
        of = {"query": gamma**0.3, "key": gamma**0.7, "value": np.ones(3)}
        params = {name: jax.tree.map(lambda p, f=of[name]: p * f[:, None], p) for name, p in params.items()}
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10), mine, params)
    assert recorded.max() > 15


def test_a_key_that_heads_share_takes_the_smallest_factor_of_them(x64):
    params = layer(4, shared=2)
    before = logits(X, params["query"], params["key"])
    bound = np.sort(before)[1]
    after = clipped(params, {"largest_logits": before}, largest=bound)
    gamma = np.minimum(1, bound / before)
    of_keys = gamma.reshape(2, 2).min(1)
    np.testing.assert_allclose(after["key"]["kernel"], params["key"]["kernel"] * np.sqrt(of_keys)[:, None])
    np.testing.assert_allclose(after["query"]["kernel"], params["query"]["kernel"] * np.sqrt(gamma)[:, None])
    assert (logits(X, after["query"], after["key"]) <= bound * (1 + 1e-12)).all()


def test_heads_may_lie_in_one_axis_with_their_features_and_layers_in_a_stack(x64):
    """(layers, inputs, heads · d), as of scanned layers; torch's (outputs, inputs) by its roles."""
    factor = np.array([[1.0, 0.25], [0.5, 1.0]])  # of two layers, two heads
    kernel = rng.normal(size=(2, 3, 4))
    scanned = {"block": {"q_proj": {"kernel": kernel}, "k_proj": {"kernel": kernel}}}
    stacked = ParameterRole("matrix", (1,), (2,), (0,))
    roles = {f"block.{name}.kernel": stacked for name in ("q_proj", "k_proj")}
    after = clipped(scanned, {"block.largest_logits": 1 / factor}, roles, largest=1.0, balance=1.0)
    np.testing.assert_allclose(after["block"]["q_proj"]["kernel"], kernel * np.repeat(factor, 2, 1)[:, None])
    np.testing.assert_array_equal(after["block"]["k_proj"]["kernel"], kernel)
    weight = rng.normal(size=(4, 3))
    roles = {name: ParameterRole("matrix", (1,), (0,)) for name in ("query.weight", "key.weight")}
    params = {"query": {"weight": weight}, "key": {"weight": weight}}
    after = clipped(params, {"largest_logits": 1 / factor[0]}, roles, largest=1.0, balance=1.0)
    np.testing.assert_allclose(after["query"]["weight"], weight * np.repeat(factor[0], 2)[:, None])


def test_the_update_of_the_optimizer_within_is_shrunk_with_the_weights():
    params = {"query": {"kernel": np.ones((2, 2, 1), np.float32)}, "key": {"kernel": np.ones((2, 2, 1), np.float32)}}
    tx = qk_clip(sgd(1.0), largest=1.0, balance=1.0, roles=ROLES)
    grads = jax.tree.map(lambda x: np.full_like(x, -1.0), params)
    updates: Any
    updates, state = tx.update(grads, tx.init(params), params, model_state={"largest_logits": jnp.array([4.0, 0.5])})
    np.testing.assert_allclose(updates["query"]["kernel"][:, :, 0], [[0.25 * 2 - 1, 1.0]] * 2)
    np.testing.assert_allclose(updates["key"]["kernel"], 1.0)
    assert tx.measure(state, updates, params) == {"largest_logit": 4.0, "clipped_heads": 0.5}


@pytest.mark.parametrize("recorded", [np.nan, np.inf, -np.inf, 0.0])
def test_a_logit_that_is_no_number_or_of_a_head_that_sees_nothing_leaves_the_parameters_finite(recorded):
    params = {"query": {"kernel": np.ones((2, 1, 3), np.float32)}, "key": {"kernel": np.ones((2, 1, 3), np.float32)}}
    after = clipped(params, {"largest_logits": jnp.array([recorded])})
    assert np.isfinite(after["query"]["kernel"]).all()


@pytest.mark.parametrize(
    ("params", "recorded", "message"),
    [
        ({"query": {"kernel": np.ones((2, 2, 3))}}, {}, "no layer of this model records them: take padl.models"),
        ({"q": {"kernel": np.ones((2, 2, 3))}}, {"largest_logits": np.ones(2)}, "no layer called query or q or q_proj"),
        ({"a": {"query": {"kernel": np.ones((2, 2, 3))}, "key": {"kernel": np.ones((2, 2, 3))},
                "query_ln": {"scale": np.ones(3)}}}, {"a.largest_logits": np.ones(2)}, "a.query_ln normalises"),
        ({"query": {"kernel": np.ones((2, 3))}, "key": {"kernel": np.ones((2, 3))}}, {"largest_logits": np.ones(2)},
         "query.kernel [2, 3], matrix inputs [0] outputs [1], has no place for largest_logits [2]"),
    ],
)  # fmt: skip
def test_what_has_no_heads_to_clip_is_one_line(params, recorded, message):
    with pytest.raises(PadlError) as refused:
        clipped(params, recorded, None)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("is_causal", [False, True])
def test_the_largest_logit_is_that_of_what_may_be_attended_to(is_causal):
    params = layer(2)
    q, k = (np.einsum("btc,chd->bthd", X, params[name]["kernel"]) for name in ("query", "key"))
    mask = rng.random((3, 1, 5, 5)) < 0.5
    allowed = mask & np.tril(np.ones((5, 5), bool)) if is_causal else mask
    exact = np.where(allowed, np.einsum("bqhd,bkhd->bhqk", q, k) / 2, -np.inf).max(axis=(0, 2, 3))
    found = largest_logits(jnp.asarray(q, jnp.float32), jnp.asarray(k, jnp.float32), jnp.asarray(mask), is_causal)
    np.testing.assert_allclose(found, exact, rtol=1e-5)


class Attending(nnx.Module):
    """Eight numbers as four places of two, attended to, and their mean."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        self.read = nnx.Linear(2, 8, rngs=rngs)
        self.attention = MultiHeadAttention(2, 8, decode=False, rngs=rngs)
        self.head = nnx.Linear(8, outputs, rngs=rngs)

    def __call__(self, x):
        return self.head(self.attention(self.read(x.reshape(-1, 4, 2))).mean(1))


def test_attention_that_records_its_logits_is_flax_own_and_its_roles_too():
    ours = MultiHeadAttention(2, 8, decode=False, rngs=nnx.Rngs(0))
    flax = nnx.MultiHeadAttention(2, 8, decode=False, rngs=nnx.Rngs(0))
    x = jnp.asarray(X, jnp.float32)
    np.testing.assert_array_equal(nnx.jit(lambda layer, x: layer(x, is_causal=True))(ours, x), flax(x, is_causal=True))
    q, k = (np.asarray(layer(x)) for layer in (flax.query, flax.key))
    exact = largest_logits(jnp.asarray(q), jnp.asarray(k), None, True)
    np.testing.assert_allclose(ours.largest_logits[...], exact, rtol=1e-4)


RUN = {"steps": 3, "run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none", "devices": 1}


def test_a_run_clips_heads_by_the_largest_logit_of_all_parts_of_a_batch():
    rows = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    task = padl.tasks.arrays(rows, rows.sum(1))
    optimizer = {"name": "sgd", "learning_rate": 0.01, "wrap": {"qk_clip": {"largest": 0.05}}}
    measured = {"measure": ["largest_logit", "clipped_heads"], "batch_size": 16, "log_every": 1}
    histories = [
        padl.train(task=task, model=Attending, optimizer=optimizer, accumulate=parts, **{**RUN, **measured}).history
        for parts in (1, 2)
    ]
    whole, parts = histories
    np.testing.assert_allclose(whole["train/largest_logit"], parts["train/largest_logit"], rtol=1e-4)
    assert whole["train/clipped_heads"][0] == 1
    assert whole["train/largest_logit"][0] > 20 * whole["train/largest_logit"][2]  # which only the clip does
    with pytest.raises(PadlError, match="no layer of this model records them"):
        padl.train(task=task, optimizer={**optimizer, "learning_rate": 0.1}, model="linear", **RUN)
