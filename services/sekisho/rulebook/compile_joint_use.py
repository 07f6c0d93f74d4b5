"""Joint-use notices, and what has changed since they were published, → the domain's types (APPI 27(5)(iii), (6); GL 3-6-3)."""

from __future__ import annotations

from datetime import date, timedelta

from sekisho.domain.book import UNCHANGED, JointUse, NoticeChanges
from sekisho.rulebook.model_agreements import JointUseChange, JointUseSource, Responsible
from sekisho.rulebook.resolve import Resolver
from sekisho.rulebook.yamltree import Path

_DAY = timedelta(days=1)


def joint_use(resolver: Resolver, name: str, source: JointUseSource) -> JointUse:
    """A notice with its changes; it is complete if it stated all five particulars."""
    path: Path = ("joint_uses", name)
    if source.responsible is not None:
        resolver.organization((*path, "responsible", "organization"), source.responsible.organization)
    return JointUse(
        id=name,
        published_on=source.published_on,
        items=resolver.items((*path, "items"), source.items),
        users=resolver.organizations((*path, "users"), source.users),
        purposes=resolver.purposes((*path, "purposes"), source.purposes),
        complete=not missing_particulars(source),
        changes=_changes(resolver, path, source) if source.changes else UNCHANGED,
    )


def missing_particulars(source: JointUseSource) -> tuple[str, ...]:
    """Which of the five particulars of APPI 27(5)(iii) a notice lacks; the responsible party's in detail."""
    stated = {
        "that it is joint use": source.states_joint_use,
        "the items": bool(source.items),
        "the range of users": bool(source.users),
        "the purposes": bool(source.purposes),
        "the responsible party": source.responsible is not None,
        **_responsible_told(source.responsible),
    }
    return tuple(particular for particular, there in stated.items() if not there)


def _responsible_told(responsible: Responsible | None) -> dict[str, bool]:
    return {
        "the responsible party's address": responsible is None or responsible.address is not None,
        "the responsible party's representative": responsible is None
        or responsible.representative is not None,
    }


def _changes(resolver: Resolver, path: Path, source: JointUseSource) -> NoticeChanges:
    """Each change by the first day on which it holds, in the order of their days."""
    items: dict[str, date] = {}
    users: dict[str, date] = {}
    heirs: dict[str, date] = {}
    left: dict[str, date] = {}
    purposes: dict[str, date | None] = {}
    lapses: list[tuple[date, date | None]] = []
    numbered = sorted(enumerate(source.changes), key=lambda each: (each[1].since, each[0]))
    for index, change in numbered:
        at: Path = (*path, "changes", index)
        _check(resolver, at, source, change)
        for item in sorted(resolver.items((*at, "add_items"), change.add_items)):
            items.setdefault(item, change.since)
        for user in sorted(resolver.organizations((*at, "add_users"), change.add_users)):
            users.setdefault(user, change.since)
        for place, replaced in enumerate(change.replace_users):
            heirs.setdefault(
                resolver.organization((*at, "replace_users", place, "by"), replaced.by), change.since
            )
            left.setdefault(replaced.user, change.since)
        for purpose in sorted(resolver.purposes((*at, "add_purposes"), change.add_purposes)):
            purposes.setdefault(purpose, _told_before(change))
        lapses += _lapse(change)
    return NoticeChanges(items, users, heirs, left, purposes, tuple(lapses))


def _told_before(change: JointUseChange) -> date | None:
    """The first day on which what must be told before may serve."""
    return None if change.notified_on is None else max(change.since, change.notified_on)


def _lapse(change: JointUseChange) -> list[tuple[date, date | None]]:
    """First and last day on which the responsible party, or what is told of it, changed and was not told in time."""
    if change.responsible is None and not change.responsible_details:
        return []
    due = change.since if change.responsible is not None else change.notify_by or change.since
    first = due if change.responsible is not None else due + _DAY
    if change.notified_on is None:
        return [(first, None)]
    last = change.notified_on - _DAY
    return [(first, last)] if first <= last else []


def _check(resolver: Resolver, path: Path, source: JointUseSource, change: JointUseChange) -> None:
    if change.since < source.published_on:
        resolver.note(
            (*path, "since"),
            f"{change.since} lies before the notice was published, {source.published_on}",
            "state it in the notice itself",
        )
    for index, replaced in enumerate(change.replace_users):
        if replaced.user not in source.users:
            resolver.note(
                (*path, "replace_users", index, "user"), f'"{replaced.user}" is no user of this notice'
            )
    if change.responsible is not None:
        _check_responsible(resolver, path, change.responsible)
    if change.responsible_details and change.notify_by is None:
        resolver.note(
            path, "no day by which the change is told", "state `notify_by`: APPI 27(6) says without delay"
        )
    if change.notify_by is not None:
        resolver.in_order((*path, "notify_by"), change.since, change.notify_by)
    if not _says_something(change):
        resolver.note(path, "a change that changes nothing", "leave it out")


def _check_responsible(resolver: Resolver, path: Path, responsible: Responsible) -> None:
    resolver.organization((*path, "responsible", "organization"), responsible.organization)
    for particular, there in _responsible_told(responsible).items():
        if not there:
            resolver.note((*path, "responsible"), f"{particular} is missing", "APPI 27(5)(iii)")


def _says_something(change: JointUseChange) -> bool:
    return bool(
        change.add_items
        or change.add_users
        or change.replace_users
        or change.add_purposes
        or change.responsible is not None
        or change.responsible_details
    )
