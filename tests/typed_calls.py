"""Calls as a user writes them, for a type checker: those marked `# wrong` are to be refused, and all others taken."""

from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import padl

x = jnp.ones(3)

# Optimizers
tx: optax.GradientTransformation = padl.optimizers.adam(1e-3, b1=0.8)
padl.optimizers.adam(learning_rate=lambda count: 1e-3 / (count + 1))
padl.optimizers.adam(jnp.float32(0.1), eps=jnp.float32(1e-8))
padl.optimizers.adam(optax.cosine_decay_schedule(1e-3, 1000))
padl.optimizers.adma(1e-3)  # wrong
padl.optimizers.adam(lr=1e-3)  # wrong
padl.optimizers.adam("fast")  # wrong
padl.optimizers.adam(1e-3, 0.9, 0.999, 1e-8, 0.1)  # wrong
padl.optimizer("adam", learning_rate=1e-3)
padl.optimizer(name=3)  # wrong

# Losses
twice = 2 * padl.losses.huber(x, x, delta=0.5)
padl.losses.huber(np.ones(3), targets=np.zeros(3), where=np.array([True, False, True]))
gradient = jax.grad(padl.losses.mse)(x, x)
padl.losses.cross_entropy(jnp.ones((2, 3)), jnp.zeros(2, int), reduction="none").sum()
padl.losses.huber(x)  # wrong
padl.losses.huber(x, x, detla=0.5)  # wrong
padl.losses.huber(x, x, reduction="average")  # wrong
padl.losses.hubber(x, x)  # wrong

# Models
net: nnx.Module = padl.models.mlp((8, 8, 1), 10, widths=(64,), activation="tanh", rngs=nnx.Rngs(0))
padl.models.mlp((8, 8, 1), 10)  # wrong
padl.models.mlp((8, 8, 1), 10, activation="tan", rngs=nnx.Rngs(0))  # wrong

# Tasks
padl.train(task=padl.tasks.digits(held_out=0.1))
padl.train(task=padl.tasks.arrays(np.ones((4, 2)), np.ones(4)))
padl.tasks.digits(heldout=0.1)  # wrong
padl.tasks.digit()  # wrong

# Schedules
padl.schedules.cosine(x, final=0.1)
shares = padl.schedules.linear(0.5) + padl.schedule("cosine")(0.5)
rate: optax.Schedule = padl.schedules.over(padl.schedules.cosine, steps=1000, peak=1e-3, final=0.1)
optax.adam(padl.schedules.over(padl.schedule("cosine"), steps=1000))
padl.optimizers.adam(padl.schedules.over(partial(padl.schedules.wsd, warmup=0.1), steps=1000))
padl.schedules.cosine()  # wrong
padl.schedules.over(padl.schedules.cosine, steps=1000, finl=0.1)  # wrong
padl.schedules.over(padl.schedules.cosine, peak=1e-3)  # wrong

# Runs
run = padl.train(seed=3, steps=100, run={"dir": Path("runs"), "save_every": 100}, wandb={"tags": ["a"]})
run.summary["final"]["loss"]
padl.train(model={"name": "mlp", "widths": [8]}, batch_size="all", ema=0.99, clip_norm=None, start={"from": "runs/a"})
padl.train(task=(np.ones((4, 2)), np.ones(4)), model=nnx.Linear, loss=optax.l2_loss, optimizer=optax.lion(1e-3))
padl.train(model=nnx.Linear(2, 1, rngs=nnx.Rngs(0)), optimizer=optax.MultiSteps(tx, 2), schedule=lambda done: 1 - done)
padl.trian()  # wrong
padl.train(optimizer=0.1)  # wrong
padl.train("digits", "mlp", "mse", ["adam", "sgd"])  # wrong
padl.train(sed=3)  # wrong
padl.train(steps="many")  # wrong
padl.train(run={"folder": "runs"})  # wrong
padl.train(wandb={"mode": "on"})  # wrong
padl.train(start={"form": "runs/a"})  # wrong
padl.train(sweep={"exact": True})  # wrong

# Sweeps
found = padl.sweep(over={"learning_rate": [1e-3, 1e-2], "seed": range(8)}, steps=100, sweep={"exact": True})
found.rows[0]
padl.sweep(steps=100)  # wrong
padl.sweep(over={"seed": range(8)}, step=100)  # wrong
padl.sweep(over={"seed": 8})  # wrong

# What runs left
padl.resume("runs/a", {"steps": 200, "run.save_every": 50}, allow=["code"], model=nnx.Linear)
padl.evaluate("runs/a", rows="test", task=padl.tasks.digits())
padl.load("runs/a", model=nnx.Linear)(x)
padl.predict("runs/a", {"a": [1, 2]})
padl.resume("runs/a", {"stps": 200})  # wrong
padl.evaluate("runs/a", rows="train")  # wrong
padl.load("runs/a", optimizer=tx)  # wrong
padl.predict("runs/a")  # wrong

# Comparisons
padl.trajectories("rosenbrock", optimizers=["gd", {"name": "adam", "b1": 0.8}], steps=50, run={"dir": None})
padl.trajectories("rosenbrock", optimisers=["gd"])  # wrong


# A function of one's own keeps its signature
@padl.registry.optimizer(family="mine")
def mine(learning_rate: padl.types.ScalarOrSchedule = 0.1) -> optax.GradientTransformationExtraArgs:
    """Steps against the gradient."""
    return padl.optimizers.sgd(learning_rate)


mine(0.2)
mine(rate=0.2)  # wrong
