"""Notices and notifications: joint use, opt-out, equivalent systems, related purposes."""

from __future__ import annotations

from sekisho.domain.calendar import months_end
from sekisho.domain.vocabulary import MAIN_BUSINESS, SIDE_BUSINESS
from sekisho.rulebook.compile_joint_use import missing_particulars
from sekisho.rulebook.findings import Findings, covering, pairs, some
from sekisho.rulebook.model_agreements import JointUseSource
from sekisho.rulebook.yamltree import Path


def examine(findings: Findings) -> None:
    """Look at every section of what was published or notified."""
    for each in (
        _joint_uses,
        _joint_use_changes,
        _joint_use_overlaps,
        _opt_outs,
        _opt_out_overlaps,
        _systems,
        _related,
    ):
        each(findings)


def _joint_uses(findings: Findings) -> None:
    for name, source in findings.sources.joint_uses.items():
        path: Path = ("joint_uses", name)
        lacking = missing_particulars(source)
        if lacking:
            findings.note(
                path,
                f"the joint-use notice {name} lacks {', '.join(lacking)}",
                "it opens nothing (APPI 27(5)(iii))",
            )
        if len(source.users) == 1:
            findings.note((*path, "users"), f"{name} names one user alone", "nobody uses anything jointly")
        _responsible(findings, name, source)


def _responsible(findings: Findings, name: str, source: JointUseSource) -> None:
    path: Path = ("joint_uses", name, "responsible")
    responsible = source.responsible
    if responsible is None:
        return
    if source.users and responsible.organization not in source.users:
        findings.note(
            (*path, "organization"), f"{responsible.organization} is responsible, but no user of {name}"
        )
    registered = findings.sources.organizations.get(responsible.organization)
    for part in ("address", "representative"):
        said, known = getattr(responsible, part), getattr(registered, part, None)
        if said is not None and known is not None and said != known:
            findings.note(
                (*path, part), f"{name} gives another {part} of {responsible.organization} than its registration: {known}",
                "APPI 27(6): a change is published without delay",
            )  # fmt: skip


def _joint_use_changes(findings: Findings) -> None:
    """What a change opens to nobody, or only with consent (APPI 27(6); GL 3-6-3)."""
    for name, source in findings.sources.joint_uses.items():
        for index, change in enumerate(source.changes):
            path: Path = ("joint_uses", name, "changes", index)
            told = change.add_purposes or change.responsible is not None or change.responsible_details
            if told and change.notified_on is None:
                findings.note(
                    path,
                    f"this change of {name} was never notified",
                    "what it adds opens nothing (APPI 27(6))",
                )
            added = [*change.add_items, *change.add_users]
            if added:
                findings.note(path, f"{name} takes in {some(added)} later", "only with consent (GL 3-6-3)")


def _joint_use_overlaps(findings: Findings) -> None:
    for first, one, second, other in pairs(findings.sources.joint_uses):
        users = {*one.users} & {*other.users}
        items, purposes = covering(findings, one, other)
        complete = not missing_particulars(one) and not missing_particulars(other)
        if complete and len(users) > 1 and items and purposes:
            findings.problem(
                ("joint_uses", second), f"{second} and {first} overlap: both open {some(items)} for {some(purposes)} to {some(users)}",
                "one notice states the whole range of users and purposes (APPI 27(5)(iii))",
            )  # fmt: skip


def _opt_outs(findings: Findings) -> None:
    sources = findings.sources
    for name, source in sources.opt_outs.items():
        path: Path = ("opt_outs", name)
        if source.open_from == source.notified_on:
            findings.problem(
                (*path, "open_from"),
                f"{name} opens on the day of its notification: there is no waiting period",
                "ER 11(1)(i)",
            )
        refused = [item for item in findings.items(source.items) if _never_by_opt_out(findings, item)]
        if refused:
            findings.note(
                (*path, "items"), f"{some(refused)} can never be provided under opt-out", "SV 14(3)(4)"
            )
        organization = sources.organizations.get(findings.organization_of(source.holder))
        purpose = None if source.side_business is None else sources.purposes.get(source.side_business)
        if purpose is not None and purpose.business != SIDE_BUSINESS:
            findings.problem(
                (*path, "side_business"), f'"{source.side_business}" is no side business', "PROV-7"
            )
        if organization is None:
            continue
        if source.side_business is None and MAIN_BUSINESS in organization.businesses:
            findings.note(
                path, f"{name} names no side business: a servicer's main business opens nothing", "SV 14(4)"
            )
        if organization.type == "credit_bureau":
            findings.note(path, f"{name}: a credit bureau provides nothing under opt-out", "SV 14(6)")


def _never_by_opt_out(findings: Findings, item: str) -> bool:
    known = findings.sources.items[item]
    return known.item_class == "sensitive" or known.special_care


def _opt_out_overlaps(findings: Findings) -> None:
    for first, one, second, other in pairs(findings.sources.opt_outs):
        items = findings.items(one.items) & findings.items(other.items)
        if (one.holder, one.side_business) == (other.holder, other.side_business) and items:
            findings.problem(
                ("opt_outs", second), f"{second} and {first} overlap: both notify {some(items)} of {one.holder}",
                "the earlier one would open what the later one still waits for",
            )  # fmt: skip


def _systems(findings: Findings) -> None:
    sources = findings.sources
    adequate = {each for group in sources.adequate_countries.values() for each in group.countries}
    first: dict[str, str] = {}
    for name, source in sources.equivalent_systems.items():
        path: Path = ("equivalent_systems", name)
        if source.recipient in first:
            findings.problem(
                path,
                f"{name} and {first[source.recipient]} are both of {source.recipient}",
                "which of their reviews counts would be unclear",
            )
        first.setdefault(source.recipient, name)
        recipient = sources.organizations.get(source.recipient)
        if recipient is not None and recipient.country in adequate:
            findings.note(
                path, f"{source.recipient} is in an adequate country: {name} is not needed", "FORN-1"
            )
        due = months_end(source.reviewed_on, source.period_months)
        if source.impaired_since is not None:
            message = f"{name} is impaired since {source.impaired_since}: it opens nothing"
            findings.note((*path, "impaired_since"), message, "ER 18(1)(ii)")
        elif due < sources.rulebook.base_day:
            findings.note(
                (*path, "reviewed_on"), f"{name} was to be reviewed by {due}: it opens nothing", "FORN-2"
            )


def _related(findings: Findings) -> None:
    seen: dict[tuple[str, str, str], str] = {}
    for name, source in findings.sources.related_purposes.items():
        path: Path = ("related_purposes", name)
        relation = (source.organization, source.from_purpose, source.to_purpose)
        if relation in seen:
            findings.problem(
                path,
                f"{name} and {seen[relation]} declare the same relation",
                "the earlier day would open it",
            )
        seen.setdefault(relation, name)
        if source.from_purpose == source.to_purpose:
            findings.problem(path, f'"{source.to_purpose}" is related to itself')
        specified = {
            purpose
            for holder in findings.holders_of(source.organization)
            for row in findings.sources.specified_purposes.get(holder, ())
            for purpose in findings.purposes(row.purposes)
        }
        if source.from_purpose not in specified:
            findings.note(
                (*path, "from"),
                f"{source.organization} has not specified {source.from_purpose}: {name} opens nothing",
                "PURP-2",
            )
        _never_related(findings, name, source.from_purpose, source.to_purpose)


def _never_related(findings: Findings, name: str, first: str, second: str) -> None:
    businesses = [
        findings.sources.purposes[each].business
        for each in (first, second)
        if each in findings.sources.purposes
    ]
    if SIDE_BUSINESS in businesses and {*businesses} <= {SIDE_BUSINESS, MAIN_BUSINESS} and first != second:
        findings.note(
            ("related_purposes", name),
            f"{name} relates a side business to another business",
            "right only where the two businesses are related (SV 4(3))",
        )
