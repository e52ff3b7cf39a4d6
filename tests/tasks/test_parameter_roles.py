"""Every parameter that is trained has a role, of the form of the parameters, without an array being made."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from own_things import CLASSES, Net

import padl
from padl.app import names
from padl.app.run_spec import check
from padl.roles import ParameterRole, roles_line, usual
from padl.tasks.minibatch import MinibatchObjective
from padl.tasks.parameter_roles import parameter_roles, parameter_table
from padl.types import PadlError

MODELS = [entry.name for entry in names.of("model") if entry.origin == "padl"]
VARIANTS = {"norm": ("layer", "batch"), "dropout": (0.1,)}  # hyperparameters that add something to a model


def roles_for(**config):
    spec = check(config)
    return parameter_table(spec.experiment.objective, spec.hparams)


def variants(model):
    known = names.of("model").get(model).hyperparameters
    yield {}
    yield from ({key: value} for key, values in VARIANTS.items() if key in known for value in values)


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_of_every_model_has_a_role_that_is_declared_or_read_from_its_layer(model):
    for variant in variants(model):
        table = roles_for(task="digits", model={"name": model, **variant})
        assert {row.source for row in table} <= {"declared", "layer"}
        assert "other" not in {row.role for row in table}
        assert [row.path for row in table if row.role == "head"] == ["head.kernel"]
        assert all(row.role in ("bias", "norm") for row in table if row.path.endswith(("bias", "scale")))
        norms = {row.path.split(".")[-1] for row in table if row.role == "norm"}
        assert norms == ({"scale", "bias"} if "norm" in variant else set())
        assert roles_line(table) == ""


def test_roles_have_the_form_of_the_parameters_of_every_kind_of_task():
    for config in (
        {"task": "digits"},
        {"task": "permeability", "loss": "gaussian_nll"},
        {"task": "digits_autoencoder"},
        {"task": "digits_embedding"},
        {"task": "digit_lines"},
        {"task": "ranking"},
        {"task": "surface"},
        {"task": CLASSES, "model": Net},
        {"task": CLASSES, "model": Net(3, 2, rngs=nnx.Rngs(0))},
        {"task": CLASSES, "model": lambda inputs, outputs, rngs: nnx.Linear(inputs, outputs, rngs=rngs)},
    ):
        spec = check(config)
        objective = spec.experiment.objective
        shapes = jax.eval_shape(objective.init, jax.random.key(0), spec.hparams)[0]
        roles = parameter_roles(objective, spec.hparams)
        assert jax.tree.structure(roles) == jax.tree.structure(shapes)
        assert all(isinstance(role, ParameterRole) for role in jax.tree.leaves(roles))


def test_a_strangers_head_is_inferred_by_the_outputs_of_the_task_and_the_line_says_so():
    for model in (Net, Net(3, 2, rngs=nnx.Rngs(0))):
        assert (
            roles_line(roles_for(task=CLASSES, model=model)) == "roles inferred for 1 of 6 parameters: last.kernel head"
        )


def test_a_point_on_a_surface_is_declared_to_be_another():
    (row,) = roles_for(task="surface")
    assert (row.path, row.role, row.source) == ("point", "other", "declared")


def test_a_function_that_is_minimised_has_the_roles_that_its_names_tell():
    task = padl.tasks.objective(
        init=lambda key: [{"w": np.zeros((2, 3), np.float32), "b": jnp.zeros(3)}, {"scale": 1.0}],
        loss=lambda params, batch, key: 0.0,
    )
    assert [(row.path, row.role) for row in roles_for(task=task)] == [
        ("0.b", "bias"),
        ("0.w", "matrix"),
        ("1.scale", "other"),
    ]


def test_roles_are_there_while_a_program_is_traced_with_traced_hyperparameters():
    spec = check({"task": "digits", "model": {"name": "mlp", "dropout": 0.1}})
    objective, seen = spec.experiment.objective, []

    def program(hparams):
        seen.append(parameter_roles(objective, hparams))
        return hparams["model"]["dropout"]

    jax.eval_shape(program, spec.hparams)
    assert seen == [parameter_roles(objective, spec.hparams)]


# Objectives of plugins


class OldPredictor:
    """One that says nothing of roles."""

    def init(self, key, scalars):
        return {"kernel": jax.random.normal(key, (3, 2))}, {}


@dataclass(frozen=True)
class Old(MinibatchObjective):
    def batch_loss(self, context, batch):
        raise NotImplementedError


@dataclass(frozen=True)
class Wrong:
    said: str

    def init(self, key, hparams):
        return {"a": jnp.zeros((3, 2))}, {}

    def roles(self, hparams):
        return {"a": usual("bias", 1)} if self.said == "axes" else {"b": usual("matrix", 2)}


def test_what_says_nothing_of_roles_has_those_of_its_names():
    roles = parameter_roles(Old(OldPredictor(), None), {"model": {}})  # pyright: ignore[reportArgumentType]
    assert roles == {"kernel": usual("matrix", 2, "inferred")}


@pytest.mark.parametrize("said", ["axes", "names"])
def test_roles_that_are_not_of_the_form_of_the_parameters_are_refused(said):
    with pytest.raises(PadlError, match="role"):
        parameter_roles(Wrong(said), {})  # pyright: ignore[reportArgumentType]
