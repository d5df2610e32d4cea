"""YAML without its traps: no key that hides another of the same name, no few lines that grow to gigabytes."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from segnet_lab._support.errors import InvalidInput
from segnet_lab.data.text import read_text


def read_yaml(path: str | Path) -> Any:
    r"""What a YAML file holds, in plain types.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        Another encoding, no valid YAML, a key that occurs twice, an alias: names the file, and the line where known.

    Examples
    --------
    >>> path = getfixture("tmp_path") / "a.yaml"
    >>> _ = path.write_text("a: [1, 2]\nb: {c: yes}")
    >>> read_yaml(path)
    {'a': [1, 2], 'b': {'c': True}}
    """
    path = Path(path)
    text = read_text(path)
    try:
        loader = _Loader(text)
        loader.name = path.name  # in messages
        return loader.get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a 13th month, an endless number
        raise InvalidInput(f"{path} is no valid YAML: {error}") from None


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # nine lines of ten aliases each say a billion things
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # by types-PyYAML
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not read: write it out", problem_mark=mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep)
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"{key!r} occurs twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return mapping
