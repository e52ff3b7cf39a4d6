"""What the parameters of a registered model are, on the task that a run has by default. model_roles."""

from padl.app import compatibility, names
from padl.registry import Entry
from padl.roles.table import RoleRow
from padl.tasks.parameter_roles import parameter_table
from padl.tasks.task import ObjectiveConfig

TASK = "digits"


def model_roles(model: Entry) -> list[RoleRow]:
    """Return a row for each parameter of a model with its default hyperparameters, on the task `TASK`.

    Raises:
        PadlError: the model cannot be built for that task, or a hyperparameter has no default.
    """
    choice, scalars = model.split({})
    task = names.part("task", TASK)
    loss = names.part("loss", task.entry.traits["loss"])
    made = task.choice(**task.scalars)
    config = ObjectiveConfig(choice, loss.choice, compatibility.words(loss.entry, made))
    return parameter_table(made.objective(config), {"model": scalars})
