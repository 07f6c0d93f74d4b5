"""A YAML node tree → plain data, with the line of every part.

Times and days stay text: the contract says what a time is. What JSON has no word for is an error with its line.
"""

from __future__ import annotations

from typing import Any, Final

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sekisho.cli.number import Number, is_number
from sekisho.cli.outcome import InputError

_TAG: Final = "tag:yaml.org,2002:"
_CONSTANTS: Final = {"true": True, "false": False, "null": None, "~": None, "": None}


def construct(name: str, root: Node, lines: dict[str, int], *, deepest: int, largest: int) -> Any:
    """The value of a node; `lines` takes the line of each path. Raises InputError with the line at fault."""
    return _Construction(name, lines, deepest, largest).value(root, "", 0)


class _Construction:
    def __init__(self, name: str, lines: dict[str, int], deepest: int, largest: int) -> None:
        self._name = name
        self._lines = lines
        self._deepest = deepest
        self._left = largest

    def _error(self, node: Node, message: str, remedy: str = "") -> InputError:
        return InputError(f"{self._name}:{node.start_mark.line + 1}: {message}", remedy)

    def value(self, node: Node, path: str, depth: int) -> Any:
        self._left -= 1
        if depth > self._deepest or self._left < 0:
            raise self._error(node, "the document is too deep or too large")
        if path:
            self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, MappingNode):
            return self._mapping(node, path, depth + 1)
        if isinstance(node, SequenceNode):
            return [
                self.value(child, f"{path}[{index}]", depth + 1) for index, child in enumerate(node.value)
            ]
        assert isinstance(node, ScalarNode)
        return self._scalar(node)

    def _mapping(self, node: MappingNode, path: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag not in (f"{_TAG}str", f"{_TAG}int"):
                raise self._error(key, "a key must be plain text", "Quote it.")
            if key.value in found:
                raise self._error(key, f'the key "{key.value}" stands here twice')
            below = f"{path}.{key.value}" if path else str(key.value)
            self._lines[below] = key.start_mark.line + 1
            found[key.value] = self.value(value, below, depth)
        return found

    def _scalar(self, node: ScalarNode) -> Any:
        tag = str(node.tag).removeprefix(_TAG)
        text = str(node.value)
        if tag in ("str", "timestamp"):
            return text
        if tag in ("int", "float") and is_number(text):
            return Number(text)
        if tag in ("bool", "null") and text.lower() in _CONSTANTS:
            return _CONSTANTS[text.lower()]
        raise self._error(node, f'"{text}" is no text, number, true, false or null', "Quote it.")
