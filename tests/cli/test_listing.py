"""`padl list`: all that is registered."""

from padl.app import names
from padl.types import KINDS


def test_list_shows_every_name_and_its_hyperparameters(padl_command):
    code, out, _ = padl_command("list")
    assert code == 0
    for kind in KINDS:
        for entry in names.of(kind):
            assert entry.name in out
            assert all(name in out for name in entry.hyperparameters)
