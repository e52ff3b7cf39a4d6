"""Compiled programs on disk: in the folder that was named last, or none, also after JAX has compiled something."""

from contextlib import contextmanager

import jax
import jax.numpy as jnp
import pytest

from padl.app.compilation_cache import use_compilation_cache
from padl.types import PadlError


@pytest.fixture(autouse=True)
def afterwards_as_before():
    before = jax.config.jax_compilation_cache_dir
    yield
    use_compilation_cache(before)


def compile_something(size):
    jax.jit(lambda x: jnp.sin(x) * size)(jnp.ones(size))


@contextmanager
def given_to_jax(folder):
    """As if JAX_COMPILATION_CACHE_DIR had said it."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", folder)
    yield
    jax.config.update("jax_compilation_cache_dir", before)


def programs(folder):
    return len(list(folder.glob("*"))) if folder.is_dir() else 0


def test_programs_are_kept_in_the_folder_named_last_and_nowhere_when_off(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    use_compilation_cache(first)
    compile_something(3)
    kept = programs(first)
    assert kept > 0
    use_compilation_cache("off")
    compile_something(4)
    use_compilation_cache(second)
    compile_something(5)
    assert programs(first) == kept
    assert programs(second) > 0


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PadlError, match="cannot be made: give another folder, or `off`"):
        use_compilation_cache(tmp_path / "file" / "folder")


def test_without_the_usual_folder_programs_are_not_kept_and_a_line_says_so_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with given_to_jax(None):
        use_compilation_cache("auto")
        use_compilation_cache("auto")
    assert not jax.config.jax_enable_compilation_cache
    assert capsys.readouterr().err.count("padl: compiled programs are not kept: the usual folder for them") == 1


def test_a_folder_that_the_user_named_by_jaxs_variable_is_refused_too(tmp_path):
    (tmp_path / "file").write_text("")
    named = str(tmp_path / "file" / "programs")
    with given_to_jax(named), pytest.raises(PadlError, match="cannot be made"):
        use_compilation_cache("auto")


def test_auto_is_the_folder_from_before_a_run_named_another(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    use_compilation_cache(tmp_path / "first")
    use_compilation_cache(tmp_path / "second")
    use_compilation_cache("auto")
    assert jax.config.jax_compilation_cache_dir == before
