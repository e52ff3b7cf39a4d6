"""Hydra's own tests of launchers, for PADL's: a task function that is not PADL's is run as Hydra's launcher runs it."""

import subprocess
import sys

import pytest
from hydra import version
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase

pytestmark = pytest.mark.filterwarnings("ignore:.*working directory:UserWarning")  # Hydra's, about its tests


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own():
    """Hydra's tests count on jobs that change the working directory, which PADL's command has switched off."""
    VersionBase.instance().setbase(version.Version("1.1"))


@pytest.mark.parametrize(("launcher_name", "overrides"), [("padl", []), ("padl", ["hydra/sweeper=padl"])])
class TestLauncher(LauncherTestSuite):
    """Of Hydra."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"), [({}, ["-m", "hydra/launcher=padl", "hydra/sweeper=padl"])]
)
class TestLauncherAsAProgram(IntegrationTestSuite):
    """Of Hydra, each in a process of its own."""


def test_the_launcher_is_found():
    found = [launcher.__name__ for launcher in Plugins.instance().discover(Launcher)]
    assert "PadlLauncher" in found


def test_the_shim_imports_nothing_heavy():
    heavy = "[m for m in ('jax', 'padl', 'numpy', 'optuna') if m in sys.modules]"
    code = f"import sys, hydra_plugins.padl_launcher; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
