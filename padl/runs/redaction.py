"""Keep secrets out of what is written and shown: *** stands for them. redact, redact_argument, redact_text,
refuse_secret.

A secret is a text under a key that names one; the password of a URL; and, wherever it occurs, the value of an
environment variable that names a secret, or whose value is a key by its looks. A value is looked for only where it
looks like a secret: a word, a path or a number of a configuration is none, whatever variable has the same.
"""

import os
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from padl.errors import PadlError
from padl.runs.sink import warn

NAME = r"(?:key|apikey|token|secret|password|passwd|passphrase|credentials?|pat)"
SECRET = re.compile(rf"(^|[^a-z]){NAME}$", re.IGNORECASE)  # how the name of one ends
PAIR = re.compile(rf"""((?:^|[^a-z]){NAME}["']?[ \t]*[:=][ \t]*)("[^"]*"|'[^']*'|[^\s,{{}}\[\]"']+)""", re.IGNORECASE)
URL = re.compile(r"\b([a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s/@]+)(?=@)", re.IGNORECASE)
SHORTEST = 16  # characters of a value that is looked for in other texts
KEY = re.compile(  # what W&B takes for a key; how those of registries and clouds begin
    r"[\w-]{40,}|(gh[opsu]_|github_pat_|glpat-|hf_|sk-|dckr_pat_|xox[a-z]-|AKIA|AIza|eyJ)[\w.-]{12,}"
)
DIGEST = re.compile(r"sha|commit|revision|hash|digest", re.IGNORECASE)  # in a name: what looks like a key is none
MIXED = re.compile(r"[a-z]\d+[a-z]|\d[a-z]+\d", re.IGNORECASE)  # letters and digits in turn, as in no word


def redact(value: Any) -> Any:
    """Replace every secret in a tree of dicts, lists and texts by ***, and say so on standard error, once for each."""
    return _without(value, _secrets())


def redact_argument(word: str) -> str:
    """Replace the secret of `some.key=secret`, an argument of a command line, by ***."""
    key, equals, secret = word.partition("=")
    return f"{key}={_entry(key, secret, {})}" if equals and _names_a_secret(key) else redact_text(word)


def redact_text(text: str) -> str:
    """Replace, beside what `redact` does, the secret of each `key: secret` and `key=secret` in a text by ***."""
    hidden = PAIR.sub(r"\1***", text)
    if hidden != text:
        _say("the value of a key that names a secret")
    return redact(hidden)


def refuse_secret(key: str, text: str) -> None:
    """Raise PadlError for the name of a folder or a file that has a secret in it; `key` is where it was given."""
    if any(secret in text for secret in _secrets()) or URL.search(text):
        raise PadlError(f"{key} holds a secret of the environment, which a name tells: give another")


def _without(value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {_without(k, secrets): _entry(k, v, secrets) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(v, secrets) for v in value]
    if isinstance(value, str):
        for secret, variable in secrets.items():
            if secret in value:
                value = value.replace(secret, "***")
                _say(f"the value of ${variable}")
        if URL.search(value):
            value = URL.sub(r"\1***", value)
            _say("the password of a URL")
    return value


def _entry(key: Any, value: Any, secrets: Mapping[str, str]) -> Any:
    if isinstance(value, str) and value and _names_a_secret(str(key)):
        _say(f"the value of '{key}'")
        return "***"
    return _without(value, secrets)


@lru_cache(1)
def _secrets_in(variables: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """{value: the variable that has it}, the longest first: one may be a part of another."""
    secrets: dict[str, str] = {}
    for name, value in variables:
        password = URL.search(value)
        is_key = KEY.fullmatch(value) and not DIGEST.search(name) and not _is_of_words(value)
        candidates = ([value] if is_key or _names_a_secret(name) else []) + ([password[2]] if password else [])
        secrets |= {candidate: name for candidate in candidates if _looks_secret(candidate)}
    return dict(sorted(secrets.items(), key=lambda item: -len(item[0])))


def _secrets() -> dict[str, str]:
    return _secrets_in(tuple(os.environ.items()))


def _looks_secret(value: str) -> bool:
    """Whether a value is long enough, and neither a text, a file nor what could be a name of the configuration."""
    is_name = value.isidentifier() and _is_of_words(value)
    return len(value) >= SHORTEST and not (is_name or re.search(r"\s", value) or os.path.exists(value))


def _is_of_words(value: str) -> bool:
    """Whether a value is made of words: no 16 letters and digits in a row, and none in turn."""
    parts = re.split(r"[^0-9A-Za-z]+", value)
    return not any(len(part) >= SHORTEST or (len(part) >= 8 and MIXED.search(part)) for part in parts)


@cache
def _names_a_secret(name: str) -> bool:
    return bool(SECRET.search(name))


@cache
def _say(what: str) -> None:
    """Once: a text with *** in it is read by somebody who wonders."""
    warn(f"{what} is kept out of what is written and shown: *** stands for it")
