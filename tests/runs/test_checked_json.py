"""A JSON file with its own digest: whatever byte of it changed, it says what it said or is refused."""

import json

import pytest

from padl.runs import checked_json
from padl.types import PadlError

CONTENT = {"members": [{"lr": 0.001, "name": "größe", "none": None}], "nan": float("nan"), "empty": {}, "yes": True}
READ_BACK = {**CONTENT, "nan": "NaN"}


def test_what_was_written_is_read_back(tmp_path):
    checked_json.write(tmp_path / "x.json", CONTENT)
    assert checked_json.read(tmp_path / "x.json") == READ_BACK
    assert json.loads((tmp_path / "x.json").read_text()).keys() == {*CONTENT, "sha256"}


def same_or_refused(file):
    """Whether it is refused; if not, it says what was written."""
    try:
        content = checked_json.read(file)
    except PadlError:
        return True
    assert content == READ_BACK
    return False


@pytest.mark.parametrize("bit", [1, 2, 4, 8, 16, 32, 64, 128])
def test_every_flipped_bit_is_refused_or_changes_no_value(tmp_path, bit):
    file = tmp_path / "x.json"
    checked_json.write(file, CONTENT)
    written = file.read_bytes()
    refused = 0
    for i in range(len(written)):
        file.write_bytes(written[:i] + bytes([written[i] ^ bit]) + written[i + 1 :])
        refused += same_or_refused(file)
    assert refused > len(written) / 2


@pytest.mark.parametrize(
    "content", ["[1]", "{}", "null", '{"sha256": 3}', "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900]
)
def test_what_carries_no_digest_is_refused(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(PadlError, match=r"x\.json"):
        checked_json.read(tmp_path / "x.json")
