"""Tasks: data, an objective, and metrics that say which way is better. task.py states the contract.

Objectives on data: minibatch.py is what they share, predictor.py what they train, supervised.py predicts a target from
each input; parameter_roles.py says what the parameters of any objective are. Supervised kinds: classification.py,
regression.py, on inputs that standardise.py scales; their data: images.py (with concrete_images.py), tabular.py,
table_file.py (with table_task.py, table_targets.py, table_split.py), array_folder.py. Other kinds: embedding.py with
pair_sampling.py, pair_ranking.py, line_reading.py with edit_distance.py, autoencoder.py. Without data:
surface_descent.py. loss_inputs.py puts classes in the words of a loss, answers.py outputs in those of the targets.

Of things from Python: own_data.py makes a task of arrays, own_frame.py of a data frame, own_objective.py of plain
functions.
"""

from typing import TYPE_CHECKING

from padl import registry
from padl.tasks.own_data import arrays as arrays
from padl.tasks.own_objective import objective as objective

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.tasks.array_folder import *
    from padl.tasks.autoencoder import *
    from padl.tasks.embedding import *
    from padl.tasks.images import *
    from padl.tasks.line_reading import *
    from padl.tasks.pair_ranking import *
    from padl.tasks.surface_descent import *
    from padl.tasks.table_file import *
    from padl.tasks.tabular import *
else:
    __getattr__ = registry.task.functions_of(__name__)


def __dir__() -> list[str]:
    return ["arrays", "objective", *registry.task.names()]
