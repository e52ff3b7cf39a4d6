"""Fit a docstring into the width of a terminal."""

import textwrap

COLUMN_GAP = 6 * " "  # what stands so far apart in a docstring are two formulas
HANGING = 4 * " "


def fitted(text: str, width: int) -> str:
    """Break a docstring into lines of at most `width`: an indented item continues under itself, prose is refilled."""
    if max(map(len, text.splitlines()), default=0) <= width:
        return text
    items: list[str] = []
    for line in text.splitlines():
        before = items[-1] if items else ""
        prose = _indent(line) == 0 and not before.endswith(":")
        if line and before and (_indent(line) > _indent(before) > 0 or (prose and _indent(before) == 0)):
            items[-1] = f"{before} {line.strip()}"
        else:
            items.append(line)
    return "\n".join(_wrapped(item, width) for item in items)


def _wrapped(item: str, width: int) -> str:
    """In lines of at most `width`; formulas that stand side by side, far apart, first stand below each other."""
    indent = " " * _indent(item)
    wrapper = textwrap.TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=indent and indent + HANGING,
        break_long_words=False,
        break_on_hyphens=False,
    )
    parts = item.strip().split(COLUMN_GAP) if len(item) > width else [item.strip()]
    return "\n".join(wrapper.fill(part.strip()) for part in parts)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
