"""Launch and search with PADL from Hydra: a launcher and two sweepers, found by every Hydra program in the environment.

A task function that can launch jobs together has a method `launch(launcher, job_overrides, initial_job_idx)`. Any other
is run as Hydra's own launcher and sweeper run it. Nothing heavy is imported here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper


class PadlLauncher(BasicLauncher):
    """Runs the jobs of a launch together, where the task function knows how to."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        launch_together = getattr(self.task_function, "launch", None)
        if launch_together is None:
            return super().launch(job_overrides, initial_job_idx)
        return launch_together(self, job_overrides, initial_job_idx)


class PadlSweeper(BasicSweeper):
    """Hydra's grids, without composing every job once more to see whether it can be composed: the launcher does."""

    def __init__(self, max_batch_size: int | None, params: Any = None) -> None:
        super().__init__(max_batch_size, params)
        self.task_function: Any = None

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        self.task_function = task_function
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def split_arguments(self, overrides: list[Any], max_batch_size: int | None) -> list[list[list[str]]]:
        if hasattr(self.task_function, "launch"):
            from padl.cli.hydra.ranges import with_ranges_listed

            overrides = with_ranges_listed(overrides)
        return super().split_arguments(overrides, max_batch_size)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        if not (hasattr(self.task_function, "launch") and isinstance(self.launcher, PadlLauncher)):
            super().validate_batch_is_legal(batch)


class PadlOptuna(Sweeper):
    """A search by optuna, whose trials are launched in batches."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        from hydra.core.plugins import Plugins

        self.config, self.hydra_context, self.task_function = config, hydra_context, task_function
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from padl.cli.hydra.search import search

        return search(self, arguments)


@dataclass
class LauncherConfig:
    _target_: str = "hydra_plugins.padl_launcher.PadlLauncher"


@dataclass
class SweeperConfig:
    _target_: str = "hydra_plugins.padl_launcher.PadlSweeper"
    max_batch_size: int | None = None
    params: dict[str, Any] | None = None


@dataclass
class OptunaConfig:
    _target_: str = "hydra_plugins.padl_launcher.PadlOptuna"
    sampler: str = "tpe"
    trials: int = 32
    batch: int = 8
    seed: int = 0
    storage: str | None = None
    study: str = "padl"
    params: dict[str, Any] = field(default_factory=dict)


store = ConfigStore.instance().store
store(group="hydra/launcher", name="padl", node=LauncherConfig, provider="padl")
store(group="hydra/sweeper", name="padl", node=SweeperConfig, provider="padl")
store(group="hydra/sweeper", name="padl_optuna", node=OptunaConfig, provider="padl")
