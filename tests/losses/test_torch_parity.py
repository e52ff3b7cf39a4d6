"""torch as an oracle: values and gradients at the inputs of torch's own tests, or a deviation on purpose."""

import importlib.util
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from batched import results
from deviations import DEVIATIONS, REFUSED, REFUSED_ELSE_SAME, Finite, Gives, deviation, holds_for
from from_torch import CASES, INDEX, LOSSES, ROOT, Case, sketch, translated

from padl import losses
from padl.types import PadlError

of_every_loss = pytest.mark.parametrize("loss", LOSSES)
IN_THEIR_OWN_SHAPES = [  # many axes behind the classes, none of the batch, weights and variances of fewer axes
    "CrossEntropyLoss 3 higher_dim__mean",
    "CrossEntropyLoss 16 higher_dim_prob_target_weights_mean",
    "CrossEntropyLoss 8 no_batch_dim__mean",
    "NLLLoss 22 higher_dim_weights_ignore_index",
    "BCEWithLogitsLoss 4 weights",
]


pytestmark = pytest.mark.usefixtures("x64")


def agree(ours: Any, theirs: Any, what: str) -> None:
    # float64: torch sums in another order, and up to 16 numbers of a gradient are one in the file
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12, err_msg=what)


def assert_same(case: Case, value: Any, gradients: list, holds: Any = None) -> None:
    """What PADL computed is what torch did, or what the deviation says."""
    if isinstance(holds, Gives) and holds.value is not None:
        agree(np.ravel(value), np.ravel(holds.value), f"value of {case.name}")
    else:
        agree(np.ravel(value), np.ravel(case.value), f"value of {case.name}")
    for i, theirs in enumerate(case.gradients):
        if theirs is None:
            continue
        what = f"gradient {i} of {case.name}"
        ours = np.asarray(gradients[i])
        if isinstance(holds, Gives) and i in holds.gradients:
            agree(ours.ravel(), np.ravel(holds.gradients[i]), what)
            continue
        ours = sketch(ours.swapaxes(0, 1) if case.loss == "ctc" else ours).ravel()
        if isinstance(holds, Finite) and holds.of == i:
            assert np.isfinite(ours).all(), what
            theirs = np.where(np.isnan(theirs), ours.reshape(theirs.shape), theirs)
        agree(ours, theirs.ravel(), what)


@of_every_loss
def test_what_torch_takes_padl_takes_in_the_same_shapes_or_refuses_on_purpose(loss):
    seen = set()  # that the numbers of all are taken is seen in their values, which are no NaN
    for case in CASES.values():
        if case.loss != loss:
            continue
        inputs, options = translated(case)
        call = partial(jax.eval_shape, lambda o=options, i=inputs: getattr(losses, loss)(*i, **o))
        shapes = str([*map(np.shape, inputs)] + [(n, np.shape(v) or v) for n, v in options.items()])
        if deviation(case.name) in (REFUSED, REFUSED_ELSE_SAME):
            with pytest.raises(PadlError):
                assert call() is None, f"{case.name} is taken"
        elif shapes not in seen:
            seen.add(shapes)
            assert call().shape == case.value.shape, case.name


@of_every_loss
def test_values_and_gradients_are_torchs_unless_they_differ_on_purpose(loss):
    for name, (value, gradients) in results(loss).items():
        assert_same(CASES[name], value, gradients, deviation(name))


@pytest.mark.parametrize("name", IN_THEIR_OWN_SHAPES)
def test_values_and_gradients_are_torchs_in_torchs_shapes(name):
    case = CASES[name]
    inputs, options = translated(case)
    at = tuple(i for i, g in enumerate(case.gradients) if g is not None)
    loss = partial(getattr(losses, case.loss), **options)
    value, found = jax.jit(jax.value_and_grad(loss, at))(*map(jnp.asarray, inputs))
    assert_same(case, value, [found[at.index(i)] if i in at else None for i in range(len(inputs))])


@pytest.mark.parametrize("row", DEVIATIONS, ids=lambda row: row[2][:40])
def test_what_is_called_a_deviation_is_one(row):
    which, holds, _ = row
    cases = [case for case in CASES.values() if holds_for(which, case)]
    assert cases
    if not callable(which):
        assert all(any(fnmatchcase(case.name, pattern) for case in cases) for pattern in which), "a pattern of nothing"
    for case in cases:
        if holds in (REFUSED, REFUSED_ELSE_SAME):
            continue  # the test of shapes has seen it refused
        with pytest.raises(AssertionError):
            assert_same(case, *results(case.loss)[case.name])


def test_the_reasons_of_the_deviations_are_those_of_the_document():
    document = (ROOT / "docs" / "losses.md").read_text().partition("## Deviations from torch")[2]
    rows = [line.split("|") for line in document.splitlines() if line.startswith("| `")]
    assert [cells[2].strip() for cells in rows] == [reason for _, _, reason in DEVIATIONS]


@pytest.mark.filterwarnings("ignore")  # torch's own
def test_the_file_has_what_torch_computes_now():
    torch = pytest.importorskip("torch", reason="torch is no dependency: pip install -e '.[parity]'")
    pytest.importorskip("expecttest", reason="torch's tests import it: pip install -e '.[parity]'")
    if torch.__version__.partition("+")[0] != INDEX["torch"].partition("+")[0]:
        pytest.skip(f"the file is of torch {INDEX['torch']}, and this is {torch.__version__}")
    spec = importlib.util.spec_from_file_location("golden_values", ROOT / "scripts" / "golden_values.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    live = module.loss_cases()
    assert [case.name for case in live] == list(CASES)
    for case in live:
        kept = CASES[case.name]
        for ours, theirs in zip(kept.inputs, case.inputs, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=case.name)
        pairs = zip([kept.value, *kept.gradients], [case.value, *case.gradients], strict=True)
        for ours, theirs in pairs:
            # another processor may sum in another order
            assert (ours is None and theirs is None) or np.allclose(ours, theirs, 1e-12, 1e-13, equal_nan=True), (
                case.name
            )
