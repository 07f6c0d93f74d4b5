"""The score of a run: by module, without the mutants that change nothing that could be noticed, and what survived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ruamel.yaml import YAML

if TYPE_CHECKING:
    from mutants.__main__ import Tried

AIM: Final = 0.9
EQUIVALENTS: Final = Path(__file__).parent / "equivalent.yaml"


class Equivalent(NamedTuple):
    """Mutants that no test can notice, and why. `after` None: every change of `before`; `before` None: of the scope."""

    module: str
    scope: str
    before: str | None
    after: str | None
    reason: str


def equivalents(path: Path = EQUIVALENTS) -> list[Equivalent]:
    """The list, each with its reason. Raises KeyError for an entry without one."""
    return [
        Equivalent(each["module"], each["scope"], each.get("before"), each.get("after"), reason["reason"])
        for reason in YAML(typ="safe").load(path.read_text("utf-8")) or []
        for each in reason["mutants"]
    ]


def covers(one: Equivalent, tried: Tried) -> bool:
    """Whether an entry speaks of this mutant."""
    mutant = tried.mutant
    return (
        (one.module, one.scope) == (tried.module, mutant.scope)
        and one.before in (None, mutant.before)
        and one.after in (None, mutant.after)
    )


def tell(tried: Sequence[Tried], *, whole: bool) -> int:
    """Prints it all; 0 where the aim is reached and every entry of the list speaks of a mutant that survived."""
    known = equivalents()
    survived = [each for each in tried if each.noticed_by is None]
    excused = {each for each in survived if any(covers(one, each) for one in known)}
    alive = [each for each in survived if each not in excused]
    for each in alive:
        mutant = each.mutant
        print(f"\n{each.module}:{mutant.line} {mutant.scope}\n  - {mutant.before}\n  + {mutant.after}")
    _table(tried, excused, alive)
    stale = [one for one in known if not any(covers(one, each) for each in excused)] if whole else []
    for one in stale:
        print(f"not a survivor, take it from the list: {one.module} {one.scope}: {one.before} -> {one.after}")
    rest = len(tried) - len(excused)
    score = 1 - len(alive) / rest if rest else 1.0
    print(
        f"\nscore {score:.1%} (aim: above {AIM:.0%}), {len(alive)} of {rest:,} survived, {len(excused)} equivalent"
    )
    return 0 if score > AIM and not stale else 1


def _table(tried: Sequence[Tried], excused: set[Tried], alive: Sequence[Tried]) -> None:
    print(
        f"\n{'module':16} {'mutants':>8} {'equivalent':>11} {'survived':>9} {'score':>7}   noticed first by"
    )
    for module in dict.fromkeys(each.module for each in tried):
        of = [each for each in tried if each.module == module]
        free = sum(each.module == module for each in excused)
        left = sum(each.module == module for each in alive)
        by = Counter(_kind(each.noticed_by) for each in of if each.noticed_by is not None)
        score = 1 - left / (len(of) - free) if len(of) > free else 1.0
        ways = ", ".join(f"{kind} {count}" for kind, count in by.most_common())
        print(f"{module:16} {len(of):8} {free:11} {left:9} {score:7.1%}   {ways}")


def _kind(noticed_by: str) -> str:
    if noticed_by.startswith("case "):
        return "a case"
    return "a test" if noticed_by.startswith(("FAILED", "ERROR", "pytest")) else "breaking"
