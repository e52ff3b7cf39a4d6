"""Run Hydra's application on a command line, and hand each configuration to a task function.

A `TaskFunction` takes one configuration at a time. A `JointTaskFunction` can also launch all jobs of a multirun
together: that is all that PADL's launcher and sweepers, in plugins/launcher, look for.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from padl.app.sweep.members import Requested
from padl.cli.hydra import jobs, nodes
from padl.cli.hydra.arguments import is_multirun, settings, with_debug_as_text, with_quoted_sign
from padl.cli.hydra.errors import Explain, explain, names_to_choose
from padl.cli.hydra.typed import let_typed_rule
from padl.cli.hydra.words import Names, prepared
from padl.messages import warn
from padl.runs.redaction import redact_text
from padl.types import PadlError

SHOWS = re.compile(r"--cfg|--info|-c(?![dnp])|-i")  # Hydra's options that print configurations, and train nothing
Bounds = Mapping[str, tuple[float, float]]


class Application(NamedTuple):
    """One of Hydra's applications.

    Attributes:
        name: of its command, and of its file in conf/.
        prepare: gives Hydra the nodes that it composes from.
        explain: (arguments, what Hydra raised for them) -> a mistake in one line.
        names: its keys with the names that each takes.
    """

    name: str
    prepare: Callable[[], None]
    explain: Explain
    names: Names


TRAIN = Application("train", nodes.store, explain, names_to_choose)


class TaskFunction:
    """Call a function with each composed configuration.

    Attributes:
        errors: what it raised, kept from Hydra, which would print lines of its own.
    """

    def __init__(self, function: Callable[[dict[str, Any]], Any]):
        self.function = function
        self.errors: list[Exception] = []

    def __call__(self, config: Any) -> Any:
        """Called by Hydra; returns what the function does, None where it raised."""
        from hydra.core.hydra_config import HydraConfig
        from omegaconf import OmegaConf

        try:
            composed: Any = OmegaConf.to_container(config, resolve=True)
            hydra = HydraConfig.get()
            config, line = let_typed_rule(jobs.with_experiment(composed, hydra), settings(hydra.overrides.task))
            if line:
                warn(line)
            return self.function(config)
        except Exception as error:
            self.errors.append(error)


class JointTaskFunction(TaskFunction):
    """A task function that can also launch the jobs of a multirun together.

    Args:
        function: as of `TaskFunction`, for Hydra's other launchers.
        train: trains all members of a launch and returns the objective of each.
        expect: called by a search before its first launch: (number of members to come, ends of the ranges).
    """

    def __init__(
        self,
        function: Callable[[dict[str, Any]], Any],
        train: Callable[[list[Requested]], Sequence[float]],
        expect: Callable[[int, Bounds], None] = lambda members, bounds: None,
    ):
        super().__init__(function)
        self.train, self.expect = train, expect

    def launch(self, launcher: Any, overrides: Sequence[Sequence[str]], first: int) -> list[Any]:
        """Called by PADL's launcher, which is set up, with the overrides of each job and the number of the first.

        Returns:
            Hydra's JobReturn of each.

        Raises:
            PadlError: for all jobs that do not compose; what `train` raises.
        """
        from hydra.core.utils import JobReturn, JobStatus

        requests = jobs.compose(launcher, overrides, first)
        try:
            values = self.train(requests)
        except Exception as error:
            self.errors.append(error)  # not of the composition, whatever its kind
            raise
        returns = []
        for job, value in zip(overrides, values, strict=True):
            job_return = JobReturn(overrides=list(job), status=JobStatus.COMPLETED)
            job_return.return_value = value
            returns.append(job_return)
        return returns


def compose_and_call(arguments: Sequence[str], task: TaskFunction, application: Application = TRAIN) -> None:
    """Compose the configurations of a command line and call the task function with each.

    Raises:
        PadlError: what Hydra refuses, as one line. What the task function raised comes through as it is, in a multirun
            the first.
    """
    arguments = prepared(arguments, application.name, application.names)
    application.prepare()
    try:
        _run(list(arguments), task, application.name)
    except PadlError:
        raise
    except Exception as error:
        if _is_of_the_machine(error) or any(error is raised for raised in task.errors):
            raise
        raise application.explain(arguments, error) from error
    if task.errors:
        raise _first(task.errors, arguments, application)


def _is_of_the_machine(error: Exception) -> bool:
    """Whether it is about files, pipes or memory, and not Hydra's own, of which one kind is an OSError too."""
    from hydra.errors import HydraException

    return isinstance(error, (OSError, MemoryError)) and not isinstance(error, HydraException)


def _run(arguments: list[str], task: TaskFunction, name: str) -> None:
    import hydra

    os.environ["HYDRA_FULL_ERROR"] = "1"  # without it Hydra prints and exits by itself
    with tempfile.TemporaryDirectory() as folder:  # of -m: Hydra writes multirun.yaml there, secrets and all
        multirun = [f"hydra.sweep.dir={folder}"] if is_multirun(arguments) else []
        sys.argv = [f"padl {name}", *multirun, *map(with_quoted_sign, map(with_debug_as_text, arguments))]
        with _without_secrets() if any(map(SHOWS.match, arguments)) else contextlib.nullcontext():
            hydra.main(version_base="1.3", config_path=str(nodes.conf_folder()), config_name=name)(task)()


@contextlib.contextmanager
def _without_secrets() -> Iterator[None]:
    """Print what Hydra does, without the secrets in it."""
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        print(redact_text(text.getvalue()), end="", flush=True)


def _first(errors: Sequence[Exception], arguments: Sequence[str], application: Application) -> Exception:
    """The first error, with the number of the others; an interpolation that failed is explained."""
    from omegaconf.errors import OmegaConfBaseException

    error = errors[0]
    if isinstance(error, OmegaConfBaseException):
        return application.explain(arguments, error)
    if isinstance(error, PadlError) and len(errors) > 1:
        return PadlError(f"{error} ({len(errors) - 1} more runs were refused)")
    return error
