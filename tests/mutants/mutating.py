"""The mutants of a source text: mutmut's mutations everywhere in it, and three more of our own.

mutmut's own runner leaves out what stands at a module's level or under a decorator: here that is rules (sets of activities,
which relation is what) and every remembered function. So only its operators are taken.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import libcst as cst
import libcst.matchers as m
from libcst.metadata import CodeRange, MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.file_mutation import NEVER_MUTATE_FUNCTION_CALLS
from mutmut.mutation.mutators import mutation_operators, operator_string


class Mutant(NamedTuple):
    """One changed place of a source text."""

    scope: str
    """The function, or class and method, that is changed; empty at the module's level."""
    line: int
    before: str
    after: str
    """The changed lines, without their breaks."""
    nth: int
    """Which of the equal ones in that scope."""
    source: str
    """The whole text, changed."""


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a text that compiles, in the text's order."""
    wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
    finder = _Finder(source, wrapper)
    wrapper.visit(finder)
    return finder.found


def _no_operand(node: cst.BooleanOperation) -> Iterator[cst.BaseExpression]:
    """`a and b`: each of the two alone."""
    yield node.left
    yield node.right


def _one_less(node: cst.Set) -> Iterator[cst.CSTNode]:
    """`{a, b}`: without each of them. An empty set would be a dict's display, so a set of one stays."""
    if len(node.elements) > 1:
        for place in range(len(node.elements)):
            yield node.with_changes(elements=[*node.elements[:place], *node.elements[place + 1 :]])


def _another_text(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """mutmut's first alone: of a name, those in capitals and in small letters are unknown names just as well."""
    yield from islice(operator_string(node), 1)


OPERATORS: Final[tuple[tuple[Any, Callable[[Any], Iterable[cst.CSTNode]]], ...]] = (
    *(each for each in mutation_operators if each[1] is not operator_string),
    (cst.BaseString, _another_text),
    (cst.BooleanOperation, _no_operand),
    (cst.Set, _one_less),
)
_UNCOMPARED: Final = m.Name() | m.Attribute() | m.Call() | m.NamedExpr()
_TYPES: Final = (
    m.Annotation()
    | m.Subscript(value=m.Name("Literal"))
    | m.Call(func=m.Name("TypeVar") | m.Name("Cite"))
    | m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])
    | m.Assign(targets=[m.AssignTarget(m.Name("__slots__"))])
    | m.Decorator(m.Call(func=m.Name("dataclass")))
    | m.Call(func=m.OneOf(*(m.Name(name) for name in NEVER_MUTATE_FUNCTION_CALLS)))
    | m.Call(func=m.Name("lru_cache") | m.Name("Memory"))
    | m.Assign(targets=[m.AssignTarget(m.Name(m.MatchRegex("_?[A-Z][a-z]+[A-Za-z]*")))])
    | m.Assign(targets=[m.AssignTarget(m.Name(m.MatchRegex("[A-Z]")))])
    | m.Import()
    | m.ImportFrom()
)  # fmt: skip
"""What says types, is read by people alone, is the size of a memory, or names a code: mypy, test_memory.py and the loading of the
rulebook judge it, and the score would be the better for nothing."""


class _Finder(cst.CSTVisitor):
    """Collects the mutants: each is the text with the span of one node written anew."""

    def __init__(self, source: str, wrapper: MetadataWrapper) -> None:
        super().__init__()
        self.found: list[Mutant] = []
        self._lines = source.splitlines(keepends=True)
        self._spans = wrapper.resolve(WhitespaceInclusivePositionProvider)
        self._module = wrapper.module
        self._scopes = _scopes(source)
        self._seen: Counter[tuple[str, str, str]] = Counter()

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, _TYPES):
            return False
        for kinds, operator in OPERATORS:
            if isinstance(node, kinds):
                for mutated in operator(node):
                    self._keep(self._spans[node], self._module.code_for_node(mutated))
        if isinstance(node, cst.If | cst.IfExp | cst.CompIf) and m.matches(node.test, _UNCOMPARED):
            # `if a`: `if not a`; comparisons and negations are mutmut's
            self._keep(self._spans[node.test], f"not ({self._module.code_for_node(node.test)})")
        return True

    def _keep(self, span: CodeRange, text: str) -> None:
        first, last = span.start.line - 1, span.end.line - 1
        head, tail = self._lines[first][: span.start.column], self._lines[last][span.end.column :]
        old, new = "".join(self._lines[first : last + 1]), head + text + tail
        before, after = _in_one_line(old), _in_one_line(new)
        source = "".join((*self._lines[:first], new, *self._lines[last + 1 :]))
        if before == after or _same_to_an_if(before, after) or not _compiles(source):
            return
        scope = next((name for start, end, name in self._scopes if start <= first + 1 <= end), "")
        nth = self._seen[scope, before, after]
        self._seen[scope, before, after] += 1
        self.found.append(Mutant(scope, first + 1, before, after, nth, source))


def _scopes(source: str) -> list[tuple[int, int, str]]:
    """First and last line of each function and method, and its qualified name."""
    found = []
    for node in ast.parse(source).body:
        prefix, inner = (f"{node.name}.", node.body) if isinstance(node, ast.ClassDef) else ("", [node])
        for each in inner:
            if isinstance(each, ast.FunctionDef):
                found.append((each.lineno, each.end_lineno or each.lineno, prefix + each.name))
    return found


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _same_to_an_if(before: str, after: str) -> bool:
    """Whether a `False` became a `None`: the domain's flags are asked by `if` alone."""
    return after in (before.replace("False", "None", 1), "None".join(before.rsplit("False", 1)))


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True
