"""Checks of a task: its rows and sides, what a batch comes to, what is measured, whether its loss goes down."""

from dataclasses import replace

import jax
import numpy as np

from padl.conformance.checked_item import differ
from padl.conformance.checked_task import STEPS, CheckedTask
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.optimizer_forms import form
from padl.types import LOSS

SEEDS = (0, 1)


def _of_rows(task: CheckedTask) -> None:
    """Raise `NotForIt` of a task without data."""
    if not task.rows:
        raise NotForIt("it has no rows")


def _case(task: CheckedTask, *lines: str) -> str:
    scalars = repr({name: float(x) for name, x in task.numbers.items()})
    return task.case(f"task, scalars = {task.made()}, {scalars}", *lines, imports="import numpy as np")


@check("task", "contract")
def sides_are_disjoint(task: CheckedTask) -> None:
    """No row is on two sides, or twice on one; there are training and held-out rows, and test rows if asked for."""
    _of_rows(task)
    asked = task.having(test=0.2) if "test" in task.entry.hyperparameters else task
    for each in (task, asked):
        split = each.sides(0)
        sides = {"train": split.train, "held_out": split.held_out, "test": split.test}
        every = np.concatenate([np.asarray(rows, np.int64) for rows in sides.values()])
        code = _case(each, "split = task.split(0, scalars)", "print(split.train, split.held_out, split.test)")
        if len(np.unique(every)) < len(every):
            raise Failure("a row is on two sides, or twice on one", code)
        if every.min() < 0 or every.max() >= each.rows:
            raise Failure(f"the sides hold rows {every.min()} to {every.max()}, and there are {each.rows}", code)
        wanted = ("train", "held_out", *(["test"] if each is not task else []))
        for name in wanted:
            if not len(sides[name]):
                raise Failure(f"no row is on the side '{name}'", code)


@check("task", "contract")
def sides_are_complete(task: CheckedTask) -> None:
    """Every row is on a side."""
    _of_rows(task)
    split = task.sides(0)
    missing = set(range(task.rows)) - {int(i) for side in (split.train, split.held_out, split.test) for i in side}
    if missing:
        counts = "len(split.train) + len(split.held_out) + len(split.test)"
        line = f"print({counts}, {{name: len(rows) for name, rows in task.rows.items()}})"
        code = _case(task, "split = task.split(0, scalars)", line)
        raise Failure(f"row {min(missing)} is on no side ({len(missing)} such rows)", code)


@check("task", "contract")
def seed_chooses_the_split(task: CheckedTask) -> None:
    """A seed gives one split each time, another seed another, and the data stay what they are."""
    _of_rows(task)
    before = task.task.digest
    one, again, other = (task.sides(seed) for seed in (SEEDS[0], *SEEDS))
    code = _case(task, "print([task.split(seed, scalars).held_out for seed in (0, 0, 1)])")
    if differ(one, again):
        raise Failure("the split of one seed is another the second time", code)
    if np.array_equal(one.held_out, other.held_out):
        raise Failure("another seed holds out the same rows", code)
    if replace(task.task).digest != before:  # which is kept: that of a copy is made anew
        raise Failure("a split changes the data, which all seeds share", code)


@check("task", "contract")
def same_data_twice(task: CheckedTask) -> None:
    """Made twice it has the same data, to the bit: what a run recorded of them can be checked."""
    if task.make().digest != task.make().digest:
        raise Failure("made twice it has two digests", task.case(*[f"print({task.made()}.digest)"] * 2, imports=""))


@check("task", "contract")
def rows_are_finite(task: CheckedTask) -> None:
    """Its columns have one length, and are finite; so is what is estimated of the training rows."""
    _of_rows(task)
    lengths = {name: len(column) for name, column in task.task.rows.items()}
    if len({*lengths.values()}) > 1:
        raise Failure(f"its columns have {lengths} rows", _case(task, f"print({lengths})"))
    stats = task.sides(0).stats
    for name, column in task.task.rows.items():
        column = np.asarray(column)
        if not np.issubdtype(column.dtype, np.floating):
            continue
        is_filled = name == "inputs" and "fill" in stats  # what is missing gets the mean of the training rows
        bad = np.argwhere(np.isinf(column) if is_filled else ~np.isfinite(column))
        if len(bad):
            at = tuple(map(int, bad[0]))
            raise Failure(f"column '{name}' is {column[at]} at {at}", _case(task, f"print(task.rows[{name!r}][{at}])"))
    if not all(np.isfinite(np.asarray(x, float)).all() for x in jax.tree.leaves(stats)):
        raise Failure(
            "what is estimated of the training rows is not finite", _case(task, "print(task.split(0, scalars).stats)")
        )


@check("task", "contract")
def equal_objectives(task: CheckedTask) -> None:
    """Made twice its objective is one and the same to a dict: equal objectives share a compiled program."""
    one, other = task.objective(), task.objective(again=True)
    try:
        alike = hash(one) == hash(other) and one == other
    except TypeError as error:
        raise Failure(f"its objective has no hash: {error}", _objective_case(task)) from error
    if not alike:
        raise Failure("made twice its objective is another, so that each run is compiled anew", _objective_case(task))


def _objective_case(task: CheckedTask) -> str:
    if task.model is None or task.loss is None:
        return task.case(f"print({task.made()}.objective(None) == {task.made()}.objective(None))", imports="")
    return task.case(f"print({task.made()}.objective, {task.made()}.objective)", imports="")


def _train_case(task: CheckedTask, what: str) -> str:
    """Train it, and print what came of it."""
    train = f"padl.train(task={task.made()}, steps={STEPS}, optimizer='adam', run={{'dir': None}}, progress='none')"
    lines = ("try:", f"    made = {train}", f"    print({what})", "except Exception as error:", "    print(error)")
    return task.case(*lines, imports="import padl")


@check("task", "contract")
def loss_of_a_batch(task: CheckedTask) -> None:
    """The loss of a batch is a pair of finite numbers, (sum, count), and the state of the model keeps its form."""
    code = _train_case(task, "made.history['train/loss'][:3]")
    objective, data = task.objective(), task.data
    before = jax.eval_shape(objective.init, jax.random.key(0), task.hparams)
    arguments = (*before, task.hparams, task.batch(), data.stats, jax.random.key(0))
    (total, count), (model_state, statistics) = jax.eval_shape(objective.loss, *arguments)
    if total.shape or count.shape:
        raise Failure(f"the loss of a batch is of shape {total.shape}, and its count {count.shape}: sum them", code)
    if form(before[1]) != form(model_state):
        raise Failure("the state of the model has another form after a batch", code)
    wide = [name for name, x in statistics.items() if x.shape]
    if wide:
        raise Failure(f"what is measured of a batch, '{wide[0]}', is no mean over its rows", code)
    total, count = task.trained["before"]
    if not np.isfinite(total) or not count > 0:
        raise Failure(f"the loss of the first batch is {total:.4g}, of {count:g}", code)


@check("task", "contract")
def metrics_are_declared(task: CheckedTask) -> None:
    """What an evaluation measures is what it declares, and the loss; all single numbers."""
    measured: set[str] = set()
    code = _train_case(task, "made.summary['final']")
    for judged_by in ("", LOSS.name):  # where the loss judges, more may be measured
        objective = task.objective(judged_by)
        params, model_state = jax.eval_shape(objective.init, jax.random.key(0), task.hparams)
        found = jax.eval_shape(objective.evaluate, params, model_state, task.hparams, task.data)
        wide = [name for name, x in found.items() if x.shape]
        if wide:
            raise Failure(f"metric '{wide[0]}' has the shape {found[wide[0]].shape}, and is to be a number", code)
        measured |= set(found)
    declared = {metric.name for metric in (*task.task.metrics, LOSS)}
    for name in sorted(measured ^ declared):
        what = "measured, and not declared" if name in measured else "declared, and not measured"
        raise Failure(f"metric '{name}' is {what}", code)


@check("task", "behaviour")
def loss_goes_down(task: CheckedTask) -> None:
    """Some steps of Adam on a batch lower its loss, and what is measured of held-out rows is finite."""
    found = task.trained
    before, after = (float(total / max(count, 1)) for total, count in (found["before"], found["after"]))
    code = _train_case(task, "made.history['train/loss'], made.summary['final']")
    if not after < before:
        raise Failure(f"after {STEPS} steps of Adam on one batch its loss is {after:.4g}, {before:.4g} before", code)
    bad = [name for name, x in found["measured"].items() if not np.isfinite(x).all()]
    if bad:
        raise Failure(f"metric '{bad[0]}' is {found['measured'][bad[0]]}", code)
