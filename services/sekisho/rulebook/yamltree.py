"""YAML 1.2 text → plain data, with the place of every key and value; duplicate keys are problems.

Only what a rulebook needs is read: mappings with text keys, lists, text, whole numbers, booleans, null and days. A day
stays text (2026-11-21): the models decide where a day is meant.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sekisho.rulebook.problems import Place, Problem

Data = None | bool | int | str | list["Data"] | dict[str, "Data"]
Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_CONSTANTS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Tree:
    """One file's data, where its keys and values stand, and what is wrong with it."""

    data: dict[str, Data] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


@functools.lru_cache(maxsize=256)
def parse(file: str, text: str) -> Tree:
    """Read one file; never raises: what cannot be read becomes a problem of the tree.

    Pure, and by far the slowest step of compiling, so a text is read once; a tree is not changed once it is read.
    """
    tree = Tree()
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        tree.problems.append(Problem(file, line, f"not readable as YAML: {error.problem or error.context}"))
        return tree
    except YAMLError as error:
        tree.problems.append(Problem(file, 1, f"not readable as YAML: {error}"))
        return tree
    if root is None:
        tree.problems.append(Problem(file, 1, "the file is empty", "delete it or give it a section"))
    elif not isinstance(root, MappingNode):
        tree.problems.append(Problem(file, 1, "a rulebook file is a mapping of sections"))
    else:
        _Reader(file, tree).mapping(root, (), into=tree.data)
    return tree


class _Reader:
    """Walks the nodes of one file into a tree."""

    def __init__(self, file: str, tree: Tree) -> None:
        self._file = file
        self._tree = tree
        self._open: set[int] = set()

    def _place(self, node: Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _problem(self, node: Node, message: str, hint: str = "") -> None:
        self._tree.problems.append(Problem(self._file, node.start_mark.line + 1, message, hint))

    def read(self, node: Node, path: Path) -> Data:
        self._tree.values[path] = self._place(node)
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._problem(node, "an alias stands inside its own anchor", "write the values out")
            return None
        self._open.add(id(node))
        try:
            return self._collection(node, path)
        finally:
            self._open.remove(id(node))

    def _collection(self, node: Node, path: Path) -> Data:
        if isinstance(node, SequenceNode):
            return [self.read(child, (*path, index)) for index, child in enumerate(node.value)]
        assert isinstance(node, MappingNode)
        read: dict[str, Data] = {}
        self.mapping(node, path, into=read)
        return read

    def mapping(self, node: MappingNode, path: Path, into: dict[str, Data]) -> None:
        for key, value in self._entries(node):
            if key in into:
                first = self._tree.keys[(*path, key)].line
                self._problem(value[0], f'the key "{key}" stands here twice', f"first in line {first}")
                continue
            self._tree.keys[(*path, key)] = self._place(value[0])
            into[key] = self.read(value[1], (*path, key))

    def _entries(self, node: MappingNode) -> Iterator[tuple[str, tuple[Node, Node]]]:
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.tag in (f"{_TAG}str", f"{_TAG}int"):
                yield key.value, (key, value)
            else:
                self._problem(key, "a key must be plain text", "quote it")

    def _scalar(self, node: ScalarNode) -> Data:
        tag = (node.tag or "").removeprefix(_TAG)
        if tag in ("str", "timestamp"):
            return str(node.value)
        if tag == "int" and node.value.lstrip("+-").isdigit():
            return int(node.value)
        if tag in ("bool", "null") and node.value.lower() in _CONSTANTS:
            return _CONSTANTS[node.value.lower()]
        self._problem(node, f'"{node.value}" is no text, whole number, day, true, false or null', "quote it")
        return None
