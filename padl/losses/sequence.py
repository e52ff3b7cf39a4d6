"""Losses of a sequence whose alignment is not known. ctc, by the forward-backward algorithm.

A path through T frames spells the labels with blanks between them: states blank_0 label_0 blank_1 ... label_{N-1}
blank_N. In a frame a path stays, goes on to the next state, or skips a blank between two different labels. α is the
log-probability of all ways into a state, β that of all ways on from it; their sum, normalised in each frame, is the
occupancy of the state, and softmax minus occupancy is the gradient (Graves et al. 2006, eq. 16). Blanks and labels are
kept in arrays of their own, since the ways into label_n and blank_n share a term.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool, Float, Integer

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import ONE_FRAME
from padl.losses.reduce import Array, Reduced, Reduction, check_mask, floating, masked, reduce
from padl.registry import loss
from padl.types import PadlError

NEVER = -1e30  # a log-probability of 0 that can be added up and subtracted: -∞ would give NaN
FEASIBLE = -1e29
BLOCK = 16  # frames between two rescalings, which keep digits for a thousand of them


@loss(
    family="sequence",
    targets="sequences",
    predictions="frames",
    range="[0, ∞]",
    convex=False,
    elicits="the probabilities of the label sequences (proper)",
    view=ONE_FRAME,
    reference="Graves et al. 2006, ICML",
)
def ctc(
    predictions: Float[Array, "batch frames classes"],
    targets: Integer[Array, "batch labels"],
    logit_lengths: Integer[Array, " batch"] | None = None,
    label_lengths: Integer[Array, " batch"] | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
    validate: bool = True,
    where: Bool[Array, " batch"] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Connectionist temporal classification: minus the log-probability of a label sequence, over all alignments.

        L(x, y) = -log Σ_paths Π_t softmax(x_t)_{path_t}      over the paths that spell y

    Each label takes a frame, and a blank stands between two equal ones. A sequence that does not fit costs ∞, with
    gradient 0; torch has NaN there. An empty target is all frames blank.

    Args:
        predictions: logits x (B, T, K), not log-probabilities; -∞ rules a class out.
        targets: labels (B, N) in 0 .. K-1 without `blank`; what stands behind the length of each may be anything.
        logit_lengths: (B,) in 0 .. T, label_lengths: (B,) in 0 .. N; None is T and N for all.
        blank: the class of no label. zero_infinity: a sequence that does not fit costs 0.
        validate: refuse invalid labels and lengths. where: of the batch.
        reduction: see `padl.losses.reduce`; "mean" and "sum_and_count" first divide each loss by the length of its
            target, at least 1, as torch does.

    Raises:
        PadlError: a label or length is outside its range. Under jit value and gradient are NaN instead.
    """
    check_mask(where)
    x, y = floating(predictions), jnp.asarray(targets)
    if x.ndim != 3 or y.ndim != 2 or len(x) != len(y):
        raise PadlError(f"logits of shape {x.shape} and labels of shape {y.shape}: (B, T, K) and (B, N) are expected")
    if not 0 <= blank < x.shape[-1]:
        raise PadlError(f"blank={blank} is outside 0 .. {x.shape[-1] - 1}")
    (batch, frames, classes), n = x.shape, y.shape[1]
    t_end, ok_t = _lengths(logit_lengths, batch, frames, where, validate, "logit_lengths")
    n_end, ok_n = _lengths(label_lengths, batch, n, where, validate, "label_lengths")
    oks = ok_t, ok_n, _checked_labels(targets, label_lengths, n_end, classes, blank, where) if validate else None
    inside = jnp.arange(n)[None] < n_end[:, None]
    alignment = Alignment(jnp.where(inside, jnp.clip(y, 0, classes - 1), blank), t_end, n_end, blank)
    values = poisoned(_ctc(poisoned(masked(x, where), *oks), alignment), *oks)
    if zero_infinity:
        values = jnp.where(values == jnp.inf, 0, values)
    if reduction in ("mean", "sum_and_count"):
        values = values / jnp.maximum(n_end, 1).astype(values.dtype)
    return reduce(values, where=where, reduction=reduction)


class Alignment(NamedTuple):
    """What is to be aligned with the frames of each sequence.

    Attributes:
        labels: (B, N), blank behind the end of each.
        t_end, n_end: (B,), how many frames and how many labels each has.
        blank: the class of no label.
    """

    labels: jax.Array
    t_end: jax.Array
    n_end: jax.Array
    blank: int


def _lengths(
    declared: jax.Array | None, batch: int, longest: int, where: jax.Array | None, validate: bool, what: str
) -> tuple[jax.Array, checks.Ok]:
    if declared is None:
        return jnp.full(batch, longest), None
    lengths = jnp.asarray(declared)
    checks.label_shape(lengths, (batch,), (batch, longest))
    holds = lambda n: (n >= 0) & (n <= longest)  # noqa: E731
    ok = checks.require(holds, declared, where, what, f"is outside 0 .. {longest}") if validate else None
    return jnp.clip(lengths, 0, longest), ok


def _checked_labels(
    y: jax.Array, lengths: jax.Array | None, n_end: jax.Array, classes: int, blank: int, where: jax.Array | None
) -> checks.Ok:
    """(B,): whether every label inside the length of its sequence is one, and not the blank."""
    tracing = any(isinstance(a, Tracer) for a in (y, lengths, where))
    np_ = jnp if tracing else np
    ends = n_end if tracing else np_.full(len(y), np.shape(y)[1]) if lengths is None else np_.asarray(lengths)
    inside = np_.arange(y.shape[1])[None] < ends[:, None]
    if where is not None:
        inside = inside & np_.asarray(where)[:, None]
    holds = lambda y: (y >= 0) & (y < classes) & (y != blank)  # noqa: E731
    ok = checks.require(holds, y, inside, "label", f"is outside 0 .. {classes - 1}, or the blank {blank}")
    return None if ok is None else ok.all(-1)


class Frames(NamedTuple):
    """What a path pays in a frame, time first: blank (T, B), label (T, B, N), log-probabilities. on: no padding."""

    blank: jax.Array
    label: jax.Array
    on: jax.Array


class States(NamedTuple):
    """Log-probabilities of the states: blank (..., N+1), label (..., N)."""

    blank: jax.Array
    label: jax.Array


Step = Callable[[States, Frames], tuple[States, States]]


@jax.custom_jvp
def _ctc(x: jax.Array, alignment: Alignment) -> jax.Array:
    """(B,): the loss of each sequence, ∞ where it does not fit."""
    return _loss_of(*_forward(_frames(x, alignment), alignment)[:2], alignment)


@_ctc.defjvp
def _ctc_jvp(primals, tangents):
    (x, alignment), (dx, _) = primals, tangents
    frames = _frames(x, alignment)
    end, scale, alphas = _forward(frames, alignment)
    losses = _loss_of(end, scale, alignment)
    share = _occupancy(alphas, _backward(frames, alignment))
    gradient = jax.nn.softmax(x).at[:, :, alignment.blank].add(-share.blank.sum(-1).T)
    rows = jnp.arange(len(x))[:, None]
    of_labels = share.label.transpose(1, 2, 0)  # (B, N, T): all frames of a label are scattered at once
    gradient = gradient.at[rows, :, alignment.labels].add(-of_labels)
    counts = (losses != jnp.inf)[:, None] & frames.on.T
    return losses, (jnp.where(counts[..., None], gradient, 0) * dx).sum((1, 2))


def _frames(x: jax.Array, alignment: Alignment) -> Frames:
    normaliser = jax.nn.logsumexp(x, -1)
    label = jnp.take_along_axis(x, alignment.labels[:, None, :], axis=-1) - normaliser[..., None]
    blank = x[..., alignment.blank] - normaliser
    on = jnp.arange(x.shape[1])[:, None] < alignment.t_end[None]
    return Frames(jnp.maximum(blank.T, NEVER), jnp.maximum(label.transpose(1, 0, 2), NEVER), on)


def _repeats(alignment: Alignment) -> jax.Array:
    """(B, N): whether a label equals the one before it, so that the blank between them cannot be skipped."""
    y = alignment.labels
    return jnp.concatenate([jnp.zeros_like(y[:, :1], bool), y[:, 1:] == y[:, :-1]], 1)


def _forward(frames: Frames, alignment: Alignment) -> tuple[States, jax.Array, States]:
    """α behind the last frame, the logarithm of what it was scaled by (B,), and α behind every frame."""
    dtype, batch, n = frames.label.dtype, *alignment.labels.shape
    repeats, never = _repeats(alignment), jnp.full((batch, 1), NEVER, dtype)

    def step(alpha, frame):
        joint = _add(alpha.blank, jnp.concatenate([never, alpha.label], 1))  # into blank_n, and on into label_n
        into_label = _add(alpha.label, jnp.where(repeats, alpha.blank[:, :-1], joint[:, :-1]))
        new = States(frame.blank[:, None] + joint, frame.label + into_label)
        alpha = _where(frame.on, new, alpha)
        return alpha, alpha

    start = States(jnp.full((batch, n + 1), NEVER, dtype).at[:, 0].set(0), jnp.full((batch, n), NEVER, dtype))
    return _in_blocks(step, start, frames)


def _backward(frames: Frames, alignment: Alignment) -> States:
    """β behind every frame."""
    dtype, batch, n = frames.label.dtype, *alignment.labels.shape
    never, no = jnp.full((batch, 1), NEVER, dtype), jnp.zeros((batch, 1), bool)
    repeats_next = jnp.concatenate([_repeats(alignment)[:, 1:], no], 1)[:, :n]

    def step(beta, frame):
        next_ = States(frame.blank[:, None] + beta.blank, frame.label + beta.label)
        joint = _add(next_.blank, jnp.concatenate([next_.label, never], 1))  # on from blank_n, and from label_{n-1}
        from_label = _add(next_.label, jnp.where(repeats_next, next_.blank[:, 1:], joint[:, 1:]))
        return _where(frame.on, States(joint, from_label), beta), beta

    ends = jnp.where(jnp.arange(n + 1)[None] == alignment.n_end[:, None], 0, NEVER).astype(dtype)
    return _in_blocks(step, States(ends, ends[:, 1:]), frames, reverse=True)[2]


def _occupancy(alphas: States, betas: States) -> States:
    """The share of all paths that is in each state, in each frame: e^{α+β}, normalised."""
    both = jax.tree.map(jnp.add, alphas, betas)
    most = _largest(both)[..., None]
    share = jax.tree.map(lambda s: jnp.exp(s - most), both)
    total = (share.blank.sum(-1) + share.label.sum(-1))[..., None]
    return jax.tree.map(lambda s: s / total, share)


def _in_blocks(step: Step, start: States, frames: Frames, reverse: bool = False) -> tuple[States, jax.Array, States]:
    """Scan over the frames; behind every BLOCK of them, scale the states so that the largest is 0.

    Returns the last states, the logarithm of what they were scaled by (B,), and what `step` gave for each frame.
    """
    length = len(frames.on)
    blocks = jax.tree.map(lambda f: _cut(f, -length % BLOCK), frames)

    def block(carry, frames):
        states, scale = carry
        states, outputs = jax.lax.scan(step, states, frames, reverse=reverse)
        most = _largest(states)
        most = jnp.where(most > FEASIBLE, most, 0)
        states = jax.tree.map(lambda s: jnp.maximum(s - most[:, None], NEVER), states)
        return (states, scale + most), outputs

    (states, scale), outputs = jax.lax.scan(block, (start, jnp.zeros_like(start.blank[:, 0])), blocks, reverse=reverse)
    joined = jax.tree.map(lambda g: g.reshape(g.shape[0] * BLOCK, *g.shape[2:])[:length], outputs)
    return states, scale, joined


def _cut(f: jax.Array, padding: int) -> jax.Array:
    """(T, ...) -> (blocks, BLOCK, ...), padded with 0: frames that are not on."""
    padded = jnp.pad(f, [(0, padding)] + [(0, 0)] * (f.ndim - 1))
    return padded.reshape(len(padded) // BLOCK, BLOCK, *f.shape[1:])


def _largest(states: States) -> jax.Array:
    return jax.lax.stop_gradient(jnp.maximum(states.blank.max(-1), states.label.max(-1, initial=NEVER)))


def _where(on: jax.Array, new: States, old: States) -> States:
    return jax.tree.map(lambda n, o: jnp.where(on[:, None], n, o), new, old)


def _loss_of(end: States, scale: jax.Array, alignment: Alignment) -> jax.Array:
    """-log of what has arrived in the last label or the blank behind it."""
    padded = jnp.concatenate([jnp.full_like(end.blank[:, :1], NEVER), end.label], 1)
    arrived = jnp.take_along_axis(_add(end.blank, padded), alignment.n_end[:, None], axis=1)[:, 0]
    return jnp.where(arrived <= FEASIBLE, jnp.inf, jnp.maximum(-(arrived + scale), 0))


def _add(a: jax.Array, b: jax.Array) -> jax.Array:
    """log(e^a + e^b), for numbers that are finite; log1p would be twice the work for what the sum rounds away."""
    return jnp.maximum(a, b) + jnp.log(1 + jnp.exp(-jnp.abs(a - b)))
