"""Tables by a law of physics, with noise. permeability."""

from functools import lru_cache

import numpy as np

from padl.data.source import frozen
from padl.data.split import Holdout
from padl.registry import task
from padl.tasks.regression import regression
from padl.tasks.task import Task
from padl.types import Scalar


@task(
    family="tables",
    loss="mse",
    model="mlp",
    reference="Kozeny 1927; Carman 1937, Trans. Inst. Chem. Eng. 15; synthetic measurements",
)
def permeability(
    rows: int = 2000, noise: Scalar = 0.05, held_out: float = 0.2, test: float = 0.0, data_seed: int = 0
) -> Task:
    """Predict how permeable a packed bed is. The data are synthetic: the Kozeny-Carman law with measurement noise.

        k / μ = d² φ³ / (72 τ (1 - φ)² μ)      predicted: log10 of it, in m² / (Pa s)

    d: particle size, 20 to 500 µm; φ: porosity, 0.25 to 0.55; τ: tortuosity, (path / thickness)², 1.5 to 3.5,
    independent of φ; μ: viscosity, 0.3 to 30 mPa s. d and μ are spread evenly in their logarithms. With τ = 2.5 this is
    Carman's constant of 180.

    Args:
        rows: how many samples.
        noise: standard deviation of the measurement of log10, in decades, >= 0. Held-out rows have it too, so no error
            can be lower.
        held_out: share of the rows that choose the best parameters, in (0, 1). data_seed: of the drawing.
        test: share that the trained parameters are evaluated on once, in [0, 1).
    """
    inputs, targets, deviations = _packed_beds(rows, data_seed)
    about = {"synthetic": True, "features": ["particle_size", "porosity", "tortuosity", "viscosity"]}
    return regression(inputs, targets, noise=deviations, holdout=Holdout(held_out, test), where="permeability", **about)


@lru_cache(maxsize=4)
def _packed_beds(rows: int, data_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(size in µm, porosity, tortuosity, viscosity in mPa s), log10 of k / μ in SI, standard normal deviations."""
    rng = np.random.default_rng(data_seed)
    u = rng.uniform(size=(rows, 4))
    d, viscosity = 20 * 25 ** u[:, 0], 0.3 * 100 ** u[:, 3]
    porosity, tortuosity = 0.25 + 0.3 * u[:, 1], 1.5 + 2.0 * u[:, 2]
    k = (d * 1e-6) ** 2 * porosity**3 / (72 * tortuosity * (1 - porosity) ** 2)
    inputs = np.stack([d, porosity, tortuosity, viscosity], 1).astype(np.float32)
    return frozen(inputs), frozen(np.log10(k / (viscosity * 1e-3))), frozen(rng.standard_normal(rows))
