"""The rulebook: YAML sources, validated with file and line, compiled to the domain's immutable form with a digest.

Reads files only in `load`, `read_texts` and `check`; compiling and moving in time are pure.
"""

from sekisho.rulebook.check import Report, check
from sekisho.rulebook.compile import LoadedRulebook, compile_sources, load, read_texts
from sekisho.rulebook.packaged import sample_path
from sekisho.rulebook.problems import Problem, RulebookError
from sekisho.rulebook.shift import days_from_base, shift_days

__all__ = [
    "LoadedRulebook",
    "Problem",
    "Report",
    "RulebookError",
    "check",
    "compile_sources",
    "days_from_base",
    "load",
    "read_texts",
    "sample_path",
    "shift_days",
]
