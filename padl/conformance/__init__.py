"""Puts optimizers, losses, models, tasks and schedules through checks, a stranger's as well as PADL's own.

checks.py: what a check is, and what comes of one. suite.py: all of them, one generator. problems.py: parameters and
losses that optimizers are checked on. checked_optimizer.py: an optimizer as checks see it, and the courses it takes.
cases.py: the smallest failing case as code.

Checks of optimizers: optimizer_forms.py (structures, shapes, dtypes), optimizer_programs.py (tracing, members,
devices), optimizer_companions.py (Optax's wrappers, checkpoints), optimizer_edges.py (zero, huge, not a number),
optimizer_descent.py (it goes down, its numbers matter, its decay), optimizer_layouts.py (transposes, stacks),
optimizer_words.py (what b1, momentum and others mean), optimizer_laws.py (laws that a rule says it keeps); oracle.py
(the author's own function of NumPy).

Losses, models, tasks and schedules are registered; checked_item.py, checked_loss.py, checked_model.py and
checked_task.py are these as checks see them, and loss_arguments.py what losses are called with. Checks of losses:
loss_checks.py (reductions, masks, dtypes, tracing), loss_refusals.py (wrong targets), loss_mathematics.py (derivatives,
range, far out), loss_propriety.py (what it elicits). Of the others: model_checks.py, task_checks.py,
schedule_checks.py.

Measured, and judged by nobody: measurements.py (the card of an optimizer), invariances.py (which changes of a problem
it does not see), responses.py (how it answers to gradients), rounded_products.py (products of matrices in half
precision), costs.py (memory, operations, seconds), known_rules.py (which rule it equals, at which values).
"""
