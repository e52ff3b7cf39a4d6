"""Keep secrets out of what is written: replace their values by ***. redact, redact_argument."""

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

SECRET = re.compile(r"(^|[^a-z])(key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)  # how its name ends
SHORTEST = 8  # characters of an environment variable's value that is looked for in other texts


def redact(value: Any) -> Any:
    """Replace every secret in a tree of dicts, lists and texts by ***.

    A secret is a text under a key that names one, and, wherever it occurs, the value of an environment variable whose
    name does.
    """
    return _without(value, _secrets_of_the_environment())


def redact_argument(word: str) -> str:
    """Replace the secret of `some.key=secret`, an argument of a command line, by ***."""
    key, equals, _ = word.partition("=")
    return f"{key}=***" if equals and _names_a_secret(key) else redact(word)


def _without(value: Any, secrets: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        hidden = lambda k, v: isinstance(v, str) and v and _names_a_secret(str(k))  # noqa: E731
        return {k: "***" if hidden(k, v) else _without(v, secrets) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(v, secrets) for v in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
    return value


def _secrets_of_the_environment() -> list[str]:
    values = [os.environ.get(name, "") for name in os.environ if _names_a_secret(name)]
    return [value for value in values if len(value) >= SHORTEST]


@cache
def _names_a_secret(name: str) -> bool:
    return bool(SECRET.search(name))
