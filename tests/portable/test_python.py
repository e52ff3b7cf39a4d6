"""Everything public works in a clean process, before and after JAX was used, and says only what is of use."""

from pathlib import Path

import pytest
from clean_process import cores, python

import padl

pytestmark = pytest.mark.portable
SCRIPT = str(Path(__file__).with_name("everything_public.py"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One home for all, and so one cache of compiled programs."""
    return tmp_path_factory.mktemp("home")


def test_all_that_is_public_works_where_padl_is_the_first_to_use_jax(home):
    done = python(home, SCRIPT)
    assert set(done.stdout.split()) == set(padl.__all__)
    assert done.stderr == ""


def test_all_that_is_public_works_after_jax_was_used_and_a_sweep_says_once_that_it_has_one_device(home):
    done = python(home, SCRIPT, "late")
    assert set(done.stdout.split()) == set(padl.__all__)
    lines = done.stderr.splitlines()
    assert len(lines) == (1 if cores() > 1 else 0), done.stderr
    assert all("call padl.sweep before JAX is used, or set JAX_NUM_CPU_DEVICES=" in line for line in lines)


@pytest.mark.parametrize("before", ["import padl; padl.train(steps=2, model='linear')", "import jax; jax.devices()"])
def test_a_sweep_asked_for_one_device_says_nothing_after(home, before):
    sweep = "import padl; print(len(padl.sweep(over={'seed': [0, 1]}, steps=2, model='linear', devices=1).rows))"
    done = python(home, "-c", f"{before}; {sweep}")
    assert (done.stdout, done.stderr) == ("2\n", "")
