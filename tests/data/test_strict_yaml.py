"""YAML that says what it means: no key twice, no aliases, and an error that names the file."""

import pytest

from segnet_lab.data.strict_yaml import read_yaml


def test_plain_types(trees):
    path = trees.text("a.yaml", "a: [1, 0x10, 1.5, x, null]\nb: {c: yes, 7: '7'}\n")
    assert read_yaml(path) == {"a": [1, 16, 1.5, "x", None], "b": {"c": True, 7: "7"}}
    assert read_yaml(trees.text("b.yaml", "")) is None


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: {b: 1, b: 1}\n", "- {7: x, 0x7: y}\n", "a: 1\n'a': 2\n"])
def test_a_key_that_occurs_twice_is_refused(trees, text):
    with pytest.raises(ValueError, match=r"a\.yaml is no valid YAML: .* occurs twice(?s:.)*line \d"):
        read_yaml(trees.text("a.yaml", text))


def test_the_same_key_in_two_tables_is_fine(trees):
    assert read_yaml(trees.text("a.yaml", "a: {x: 1}\nb: {x: 1}\n")) == {"a": {"x": 1}, "b": {"x": 1}}


def test_aliases_are_refused_before_they_grow(trees):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    for one, following in zip("abcdefghijk", "bcdefghijkl", strict=True):
        bomb += f"{following}: &{following} [{', '.join(10 * ['*' + one])}]\n"
    for text in (bomb, "title: &t x\nabout: *t\n", "a: &l {a: *l}\n"):
        with pytest.raises(ValueError, match=r"a\.yaml is no valid YAML: aliases .* are not read: write it out"):
            read_yaml(trees.text("a.yaml", text))


@pytest.mark.parametrize(
    "text", ["a: [", "a: 2024-13-45", "[" * 5000, "a: b: c", "!!python/object:os.system x", "a: \x07"]
)
def test_what_is_no_yaml_is_named(trees, text):
    with pytest.raises(ValueError, match=r"a\.yaml is no valid YAML"):
        read_yaml(trees.text("a.yaml", text))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "a.yaml")
