"""Nested mappings by dotted keys."""

from padl.nested import flattened, with_value


def test_flattened_has_every_value_once_under_the_keys_that_lead_to_it():
    tree = {"a": 1, "b": {"c": [2], "d": {"e": None}}, "f": {}}
    assert flattened(tree) == {"a": 1, "b.c": [2], "b.d.e": None}
    assert flattened(tree, "/").keys() == {"a", "b/c", "b/d/e"}


def test_a_value_is_put_into_a_copy_and_the_groups_that_lead_to_it_are_made():
    tree = {"a": {"b": 1, "c": 2}, "d": None}
    assert with_value(tree, "a.b", 3) == {"a": {"b": 3, "c": 2}, "d": None}
    assert with_value(tree, "d.e.f", 4) == {"a": {"b": 1, "c": 2}, "d": {"e": {"f": 4}}}
    assert with_value(tree, "a", 5) == {"a": 5, "d": None}
    assert tree == {"a": {"b": 1, "c": 2}, "d": None}
