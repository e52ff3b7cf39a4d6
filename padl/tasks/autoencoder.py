"""Images through a narrow code and back. digits_autoencoder, a variational one."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Batch, Split
from padl.losses.information import gaussian_kl
from padl.losses.reduce import reduce
from padl.registry import StaticPartial, task
from padl.roles.role import ParameterRole
from padl.tasks.images import digits
from padl.tasks.loss_inputs import PREDICTIONS, pairs
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.supervised import ModelPredictor
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import LOSS, NON_NEGATIVE, Key, Metric, Params, PyTree, Scalar

METRICS = (LOSS, Metric("reconstruction"), Metric("kl"))

PIXELS = pairs({"indicators": ("logits", "probabilities"), "values": ("values",)})
CODES = {"mean": np.float32(0), "std": np.float32(1)}  # of a code, which the KL term draws there


class Coded(NamedTuple):
    """What images became: means and log-variances of their codes, (n, latent), and outputs for all pixels (n, ...)."""

    mean: jax.Array
    log_variance: jax.Array
    outputs: jax.Array
    model_state: PyTree


def joined(encoder: PyTree, decoder: PyTree) -> PyTree:
    """What two models have by name, under one roof: {"encoder.head.bias": ..., "decoder.head.bias": ...}."""
    both = {"encoder": encoder, "decoder": decoder}
    return {f"{half}.{name}": array for half, arrays in both.items() for name, array in arrays.items()}


def halves(params: Params, model_state: PyTree) -> list[tuple[Params, PyTree]]:
    """The inverse of `joined`: (params, rest) of the encoder, and of the decoder."""

    def of(half: str, arrays: PyTree) -> PyTree:
        return {n.removeprefix(half): array for n, array in arrays.items() if n.startswith(half)}

    return [(of(half, params), of(half, model_state)) for half in ("encoder.", "decoder.")]


@dataclass(frozen=True)
class Autoencoder:
    """An encoder to codes and a decoder from them, of one kind of model. An `Answering`.

    Attributes:
        predictions: what the loss calls the pixels that come back.
    """

    encoder: ModelPredictor
    decoder: ModelPredictor
    predictions: str

    @property
    def shape(self) -> tuple[int, ...]:
        return self.encoder.shape

    def init(self, key: Key, scalars: Mapping[str, Any]) -> tuple[Params, PyTree]:
        of_encoder, of_decoder = jax.random.split(key)
        made = self.encoder.init(of_encoder, scalars), self.decoder.init(of_decoder, scalars)
        params, model_state = (joined(*halves) for halves in zip(*made, strict=True))
        return params, model_state

    def roles(self, scalars: Mapping[str, Any]) -> dict[str, ParameterRole]:
        """What each parameter is, by its name; what gives the code is a head, as what gives the pixels."""
        return joined(self.encoder.roles(scalars), self.decoder.roles(scalars))

    def __call__(
        self,
        params: Params,
        model_state: PyTree,
        scalars: Mapping[str, Any],
        inputs: jax.Array,
        stats: PyTree,
        key: Key | None = None,
        noise: Key | None = None,
    ) -> Coded:
        """Raw images (n, *shape) through code and back.

        Args:
            key: the randomness of the models in a training step. noise: draws the codes; None takes their means.
        """
        of_encoder, of_decoder = (None, None) if key is None else jax.random.split(key)
        coding, drawing = halves(params, model_state)
        code, after_coding = self.encoder(*coding, scalars, inputs, stats, of_encoder)
        mean, log_variance = jnp.split(code, 2, axis=1)
        z = (
            mean
            if noise is None
            else mean + jnp.exp(log_variance / 2) * jax.random.normal(noise, mean.shape, jnp.float32)
        )
        outputs, after_drawing = self.decoder(*drawing, scalars, z.reshape(-1, *self.decoder.shape), CODES, of_decoder)
        return Coded(mean, log_variance, outputs, joined(after_coding, after_drawing))

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """The images (n, *shape) that come back, in the unit of the inputs."""
        outputs = self(params, model_state, scalars, inputs, stats).outputs
        pixels = outputs if self.predictions == "values" else jax.nn.sigmoid(outputs)
        return stats["white"] * pixels.reshape(inputs.shape)


@dataclass(frozen=True)
class Variational(MinibatchObjective):
    """Minimise the loss of the pixels that come back, and β times what the code tells. An `Objective`.

        L = Σ_pixels loss(decoder(z), x) + β KL( N(m, s²) || N(0, 1) )      z = m + s ε

    Kingma & Welling 2014, arXiv:1312.6114, eq. 10; β: Higgins et al. 2017, ICLR.
    """

    predictor: Autoencoder

    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        images = batch["inputs"]
        coded = self.predictor(
            context.params,
            context.model_state,
            context.hparams["model"],
            images,
            context.stats,
            context.key,
            noise=context.draws,
        )
        pixels = images.reshape(len(images), -1) / context.stats["white"]
        predictions = PREDICTIONS.get(self.predictor.predictions, lambda x: x)(coded.outputs)
        costs = self.loss_function(predictions, pixels, reduction="none", **context.hparams["loss"])
        reconstruction = costs.reshape(len(images), -1).sum(1)
        kl = gaussian_kl(coded.mean, coded.log_variance).sum(1)
        total = reconstruction + context.hparams["task"]["beta"] * kl
        parts: Any = reduce(total, where=context.where, reduction="sum_and_count")
        return BatchResult(parts, coded.model_state, {"reconstruction": reconstruction, "kl": kl})


@rebuilds("autoencoder")
def autoencoder(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> Autoencoder:
    """Make two models, the decoder's inputs being images of one pixel; they predict the images that come back."""
    latent = about["latent"]
    one_pixel = (*(1,) * (len(shape) - 1), latent)
    encoder = ModelPredictor(model, shape, 2 * latent, dtype)
    return Autoencoder(encoder, ModelPredictor(model, one_pixel, math.prod(shape), dtype), words)


@task(
    family="images",
    loss="bce_with_logits",
    model="mlp",
    reference="Kingma & Welling 2014, arXiv:1312.6114; Alpaydin & Kaynak 1998, UCI (test set), from scikit-learn",
)
def digits_autoencoder(
    latent: int = 8, beta: Annotated[Scalar, NON_NEGATIVE] = 1.0, held_out: float = 0.2, test: float = 0.0
) -> Task:
    """A variational autoencoder of handwritten digits, with a code of a few numbers.

    Metrics, in nats for an image: reconstruction, the loss summed over its pixels; kl, the divergence of its code from
    the prior. The loss is reconstruction + beta kl.

    Args:
        latent: numbers of a code.
        beta: β >= 0, the weight of kl. With loss=mse, whose values are smaller, 1 leaves the code empty and 0.01
            does not.
        held_out: share of the images that choose the best parameters, in (0, 1), stratified by class.
        test: share that the trained parameters are evaluated on once, in [0, 1).
    """
    labelled = digits(held_out, test)
    images = labelled.rows["inputs"]
    about = {**labelled.about, "kind": "autoencoder", "latent": latent}

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        parts = labelled.split(seed, {})
        return parts._replace(stats={**parts.stats, "white": np.float32(images.max())})

    def objective(config: ObjectiveConfig) -> Variational:
        return Variational(
            autoencoder(about, config.model, images.shape[1:], config.dtype, config.words.predictions), config.loss
        )

    return Task(objective, labelled.rows, split, PIXELS, METRICS, about)
