"""Where compiled programs are kept, so that the next process need not compile them again."""

import os
from functools import cache
from typing import Any

import jax

from padl.runs.sink import warn
from padl.types import PadlError

_AUTO: dict[str, str] = {}  # a folder that a run named -> the folder of "auto" at that time


def use_compilation_cache(where: Any) -> None:
    """Keep compiled programs on disk, however quickly they compiled.

    Args:
        where: "auto", the folder that JAX was given (JAX_COMPILATION_CACHE_DIR) or else one in the user's cache folder;
            "off"; or a folder.

    Raises:
        PadlError: a folder that the user named cannot be made. Without the usual one the run goes on, with a line.
    """
    if where == "off":
        _enable(False)
        return
    before = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    auto = _AUTO.get(before, before) or _users_folder()
    folder = auto if where == "auto" else where
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except (OSError, TypeError, ValueError) as error:
        if where == "auto" and folder == _users_folder():
            _enable(False)
            _say_once(folder, getattr(error, "strerror", None) or str(error))
            return
        raise PadlError(f"compilation_cache={folder!r} cannot be made: give another folder, or `off`") from error
    _enable(True)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if str(folder) != before:
        _AUTO[str(folder)] = auto
        jax.config.update("jax_compilation_cache_dir", str(folder))
        _look_again()


@cache
def _say_once(folder: str, why: str) -> None:
    warn(f"compiled programs are not kept: the usual folder for them, {folder}, cannot be made ({why})")


def _users_folder() -> str:
    import platformdirs

    return str(platformdirs.user_cache_path("padl") / "programs")


def _enable(on: bool) -> None:
    if on != jax.config.jax_enable_compilation_cache:  # pyright: ignore[reportAttributeAccessIssue]
        jax.config.update("jax_enable_compilation_cache", on)
        _look_again()


def _look_again() -> None:
    """Let JAX read its settings anew: it does at its first compilation, and would keep to them."""
    from jax.experimental.compilation_cache import compilation_cache

    compilation_cache.reset_cache()
