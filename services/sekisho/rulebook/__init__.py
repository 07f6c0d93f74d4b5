"""The rulebook: YAML sources, validated with file and line, compiled to the domain's immutable form with a digest.

Reads files only in `load`, `check` and the packaged sample; compiling is pure.
"""

from sekisho.rulebook.compile import LoadedRulebook, compile_sources, load, read_texts
from sekisho.rulebook.problems import Problem, RulebookError

__all__ = ["LoadedRulebook", "Problem", "RulebookError", "compile_sources", "load", "read_texts"]
