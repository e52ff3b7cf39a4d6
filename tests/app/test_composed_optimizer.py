"""Optimizers within optimizers, around them and in groups, by name: checked, recorded, swept and scheduled as any."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl import optimizers as o
from padl import registry
from padl.app.names import part
from padl.app.run_spec import check
from padl.nested import with_value
from padl.optimizers.groups import OptimizerGroup, grouped
from padl.optimizers.transformation import Transformation
from padl.optimizers.wrapping import wrapped
from padl.types import Optimizer, PadlError, Scalar

QUIET = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none", "devices": 1}
SMALL = {"task": {"name": "permeability", "rows": 64}, "model": {"name": "mlp", "widths": (4,)}, "steps": 4, **QUIET}


@pytest.fixture(autouse=True, scope="module")
def scaled():
    """A wrapper, and a constraint around which no decay may stand."""

    @registry.optimizer(family="wrapper", name="test_scaled")
    def scaled(inner: Optimizer, share: Scalar = 0.5, twice: bool = False) -> Transformation:
        """Scale each update."""

        def update(grads, state, params=None, **extras):
            updates, state = inner.update(grads, state, params, **extras)
            return jax.tree.map(lambda u: share * u * (2 if twice else 1), updates), state

        return wrapped(inner, inner.init, update)

    registry.optimizer(family="wrapper", name="test_holds", holds_norm=True)(scaled.__wrapped__)
    registry.optimizer(family="wrapper", name="test_moves", moves_norm=True)(scaled.__wrapped__)
    yield
    for name in ("test_scaled", "test_holds", "test_moves"):
        del registry.optimizer._entries[name]


def built(wanted):
    found = part("optimizer", wanted)
    return found.choice(**found.scalars)


def in_groups(tx):
    return grouped({"all": OptimizerGroup(tx)}, lambda params: {})


def first_update(tx, params=None):
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)} if params is None else params
    return jax.jit(lambda p: tx.update(p, tx.init(p), p)[0])(params)


def test_an_optimizer_within_is_a_name_or_a_name_with_hyperparameters():
    for inner in ("sgd", {"name": "sgd"}, {"name": "sgd", "learning_rate": 0.01}):
        updates = first_update(built({"name": "test_scaled", "inner": inner}))
        np.testing.assert_allclose(updates["bias"], -0.005, rtol=1e-6)


def test_from_python_it_is_a_name_or_the_transformation_itself():
    wrapper = registry.optimizer.get("test_scaled").function
    for inner in ("sgd", {"name": "sgd"}, padl.optimizers.sgd(0.01)):
        np.testing.assert_allclose(first_update(wrapper(inner))["bias"], -0.005, rtol=1e-6)
    with pytest.raises(PadlError, match=r"optimizer.inner: no optimizer 'sdg'; did you mean 'sgd'"):
        wrapper("sdg")


def test_wrappers_stand_around_in_order_with_hyperparameters_of_their_own():
    wrap = {"test_scaled": {"share": 0.1}, "again": {"name": "test_scaled", "share": 0.5, "twice": True}}
    found = part("optimizer", {"name": "sgd", "learning_rate": 1.0, "wrap": wrap})
    np.testing.assert_allclose(first_update(found.choice(**found.scalars))["bias"], -0.1, rtol=1e-6)
    assert found.scalars["wrap"] == {"test_scaled": {"share": 0.1}, "again": {"share": 0.5}}
    assert found.config["wrap"]["again"] == {"name": "test_scaled", "share": 0.5, "twice": True}
    assert part("optimizer", found.config) == found  # what is recorded makes it again


def test_a_list_of_names_is_the_same_as_a_mapping():
    listed = part("optimizer", {"name": "sgd", "wrap": ["test_scaled", {"name": "test_holds", "share": 0.2}]})
    mapped = part("optimizer", {"name": "sgd", "wrap": {"test_scaled": {}, "test_holds": {"share": 0.2}}})
    assert listed == mapped


def test_a_group_has_other_numbers_or_another_optimizer_by_role_or_path():
    groups = {"bias": {"learning_rate": 0.1}, "ker*": {"name": "adam", "learning_rate": 0.3}}
    updates = first_update(built({"name": "sgd", "learning_rate": 1.0, "groups": groups}))
    np.testing.assert_allclose(updates["bias"], -0.1, rtol=1e-6)
    np.testing.assert_allclose(updates["kernel"], -0.3, rtol=1e-4)  # the first step of adam


def test_a_group_that_names_no_other_optimizer_has_the_numbers_of_the_optimizer_itself():
    found = part("optimizer", {"name": "adam", "b1": 0.7, "groups": {"bias": {"b2": 0.9}}})
    assert found.config["groups"]["bias"]["b1"] == 0.7
    assert found.scalars["groups"]["bias"]["b2"] == 0.9


def test_another_number_anywhere_within_chooses_no_other_program():
    wanted = lambda x: {  # noqa: E731
        "name": "adam", "b1": x, "wrap": {"test_scaled": {"share": x}}, "groups": {"bias": {"b2": x}},
    }  # fmt: skip
    one, other = (part("optimizer", wanted(x)) for x in (0.5, 0.6))
    assert one.choice == other.choice
    assert hash(one.choice) == hash(other.choice)
    assert jax.tree.structure(one.scalars) == jax.tree.structure(other.scalars)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"wrap": ["adam"]}, "optimizer.wrap.adam: optimizer 'adam' is no wrapper"),
        ({"wrap": ["test_scale"]}, "no optimizer 'test_scale'; did you mean 'test_scaled'"),
        ({"wrap": {"test_scaled": {"shre": 1}}}, "has no 'optimizer.wrap.test_scaled.shre'; did you mean 'share'"),
        ({"wrap": {"test_scaled": {"inner": "sgd"}}}, "what is wrapped is the optimizer itself: leave it out"),
        ({"wrap": [3]}, "optimizer.wrap holds 3, which is no name and no {name: NAME, hyperparameters}"),
        ({"wrap": ["test_scaled", "test_scaled"]}, "optimizer.wrap has test_scaled twice: give one of them as {LABEL"),
        ({"wrap": ["test_holds", "test_moves"]}, "test_moves is around test_holds, and moves parameters off the norm"),
        ({"groups": {"bias": {"b1": 2.0}}}, "optimizer.groups.bias.b1=2.0 is outside its domain"),
        ({"groups": {"bias": {"every": 0}}}, "optimizer.groups.bias.every=0 is not a whole number of steps"),
        ({"groups": {"bias": 3}}, "optimizer.groups.bias=3 is no name and no {hyperparameters}"),
        ({"groups": {"bias": {"schedule": "cosin"}}}, "no schedule 'cosin'; did you mean 'cosine'"),
        ({"groups": ["bias"]}, "optimizer.groups=['bias'] is no mapping"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_one_line(wanted, message):
    with pytest.raises(PadlError) as refused:
        part("optimizer", {"name": "adam", **wanted})
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "between",
    [
        lambda tx: tx,
        lambda tx: o.sam(tx),
        lambda tx: o.accumulate(tx, 2),
        in_groups,
        lambda tx: tx._replace(init=tx.init),
        lambda tx: wrapped(tx, tx.init, tx.update),
    ],
)
def test_what_moves_norms_is_refused_around_what_holds_them_from_python_too(between):
    holder = between(o.hyperball("adam"))
    with pytest.raises(PadlError) as refused:
        o.weight_decay(holder, 0.1)
    line = "optimizer: weight_decay is around hyperball, and moves parameters off the norm that it holds: put hyperball"
    assert str(refused.value).startswith(line)
    o.hyperball(o.weight_decay(between(o.adam()), 0.1))


def test_the_order_of_norms_is_looked_at_in_every_optimizer_that_is_given_one():
    others = {"name": "hyperball", "inner": "adam"}
    with pytest.raises(PadlError, match="weight_decay is around hyperball"):
        part("optimizer", {"name": "muon", "others": others, "wrap": ["weight_decay"]})
    with pytest.raises(PadlError, match="weight_decay is around hyperball"):
        o.weight_decay(o.muon(others=o.hyperball("adam")), 0.1)


def test_a_group_that_no_parameter_is_of_is_refused_with_all_there_are():
    with pytest.raises(PadlError, match="'hed' is no role and matches no parameter; did you mean 'head'"):
        padl.train(**SMALL, optimizer={"name": "sgd", "groups": {"hed": {"learning_rate": 0.1}}})


def test_a_wrapper_without_what_it_wraps_says_what_to_give():
    with pytest.raises(PadlError, match="of optimizer 'test_scaled' has no default: give it a value"):
        part("optimizer", "test_scaled")


def test_what_is_around_is_in_the_title_and_a_sweep_over_it_is_one_program():
    optimizer = {"name": "adam", "wrap": ["test_scaled"], "groups": {"bias": {"weight_decay": 0.0, "name": "adamw"}}}
    assert "wrap=[test_scaled], groups=[bias]" in check({**SMALL, "optimizer": optimizer}).title
    over = {"optimizer.wrap.test_scaled.share": [1.0, 0.1], "optimizer.groups.bias.learning_rate": [0.1]}
    shared = [check({**SMALL, "optimizer": with_value(optimizer, "wrap.test_scaled.share", x)}) for x in (1.0, 0.1)]
    assert shared[0].experiment == shared[1].experiment
    assert len(padl.sweep(over=over, optimizer=optimizer, **SMALL).rows) == 2


def test_a_schedule_of_its_own_is_a_groups_alone():
    groups = {"bias": {"learning_rate": 0.1, "schedule": {"name": "linear", "final": 0.0}}}
    plan = {"name": "sgd", "learning_rate": 1.0, "groups": groups}
    found = part("optimizer", plan)
    rate = padl.types.LearningRate(jnp.float32(0.1), lambda fraction: 1.0 + 0 * fraction, 4)
    scalars = {**found.scalars, "groups": {"bias": {**found.scalars["groups"]["bias"], "learning_rate": rate}}}
    tx = found.choice(**scalars)
    params = {"kernel": jnp.ones((2, 2)), "bias": jnp.ones(2)}
    state, moves = tx.init(params), []
    for _ in range(4):
        updates, state = tx.update(params, state, params)
        moves.append((float(updates["bias"][0]), float(updates["kernel"][0, 0])))
    np.testing.assert_allclose(moves, [(-0.1 * (1 - i / 4), -1.0) for i in range(4)], rtol=1e-6)


def test_a_hyperparameter_alone_is_that_of_the_optimizer_that_is_within_by_default():
    def both(first: Optimizer = "momentum") -> Transformation:
        return first

    found = registry.hyperparameters_of("optimizer", both)["first"].check({"momentum": 0.5}, "optimizer.first")
    assert (found["name"], found["momentum"]) == ("momentum", 0.5)
    with pytest.raises(PadlError, match=r"optimizer\.inner names no optimizer: give optimizer\.inner=NAME"):
        registry.optimizer.get("test_scaled").check({"inner": {"momentum": 0.5}})
