"""Agreements on provision: overlaps, contradictions, and what opens nothing."""

from __future__ import annotations

from sekisho.rulebook.findings import Findings, covering, overlap, pairs, some
from sekisho.rulebook.model_agreements import EntrustmentSource, SuccessionSource
from sekisho.rulebook.yamltree import Path

HOME = "JP"


def examine(findings: Findings) -> None:
    """Look at entrustments, batch agreements and successions, and at what data rest on them."""
    for each in (_entrustments, _batches, _successions, _received_under, _prohibited):
        each(findings)


def _entrustments(findings: Findings) -> None:
    section = findings.sources.entrustments
    for name, source in section.items():
        _parties_of_entrustment(findings, name, source)
    for first, one, second, other in pairs(section):
        trustees = {one.trustee, *one.sub_trustees} & {other.trustee, *other.sub_trustees}
        if one.controller != other.controller or not trustees:
            continue
        items, purposes = covering(findings, one, other)
        if (
            items
            and purposes
            and overlap((one.valid_from, one.valid_until), (other.valid_from, other.valid_until))
        ):
            findings.problem(
                ("entrustments", second),
                f"{second} and {first} overlap: both entrust {some(items)} for {some(purposes)} to {some(trustees)} at the same time",
                f"to end one would leave the other open; {first} stands at {findings.stands(('entrustments', first))}",
            )


def _parties_of_entrustment(findings: Findings, name: str, source: EntrustmentSource) -> None:
    path: Path = ("entrustments", name)
    for index, sub in enumerate(source.sub_trustees):
        if sub in (source.trustee, source.controller):
            findings.problem(
                (*path, "sub_trustees", index), f'"{sub}" is a party of {name} already', "leave it out"
            )
    trustee = findings.sources.organizations.get(source.trustee)
    if trustee is None:
        return
    if not _covered_abroad(findings, source.trustee, trustee.country):
        findings.note(
            path,
            f"{source.trustee} is abroad ({trustee.country}): {name} opens nothing there",
            "APPI 28",
        )
    askable = {
        purpose
        for purpose, known in findings.sources.purposes.items()
        if known.business in (*trustee.businesses, "common")
    }
    idle = findings.purposes(source.purposes) - askable
    if trustee.businesses and idle:
        findings.note(
            (*path, "purposes"), f"no business of {source.trustee} may ask for {some(idle)}", "ACC-4"
        )


def _covered_abroad(findings: Findings, organization: str, country: str) -> bool:
    """Whether one is in Japan, in an adequate country, or has an equivalent system."""
    sources = findings.sources
    adequate = {each for group in sources.adequate_countries.values() for each in group.countries}
    systems = {system.recipient for system in sources.equivalent_systems.values()}
    return country == HOME or country in adequate or organization in systems


def _batches(findings: Findings) -> None:
    section = findings.sources.batch_agreements
    for name, source in section.items():
        if source.provider == source.recipient:
            findings.problem(("batch_agreements", name), f"{name}: {source.provider} provides to itself")
    for first, one, second, other in pairs(section):
        parties = (one.provider, one.recipient, one.purpose) == (
            other.provider,
            other.recipient,
            other.purpose,
        )
        items = findings.items(one.items) & findings.items(other.items)
        periods = (one.first_provision, one.last_provision), (other.first_provision, other.last_provision)
        if parties and items and overlap(*periods):
            findings.problem(
                ("batch_agreements", second), f"{second} and {first} overlap: the same parties, purpose and {some(items)}",
                "one record cannot belong to both",
            )  # fmt: skip


def _successions(findings: Findings) -> None:
    section = findings.sources.successions
    for name, source in section.items():
        _one_succession(findings, name, source)
    for first, one, second, other in pairs(section):
        items = findings.items(one.items) & findings.items(other.items)
        if one.predecessor != other.predecessor or not items or None not in (one.scope, other.scope):
            continue
        if one.successor != other.successor:
            message = f"{second} and {first} give {some(items)} of {one.predecessor} to {other.successor} and to {one.successor}"
        else:
            message = f"{second} and {first} overlap: {some(items)} of {one.predecessor} pass to {one.successor} twice"
        findings.problem(("successions", second), message, "state items, or the scope of each")
    taken_over = {source.predecessor for source in section.values()}
    for name in sorted(set(findings.sources.dissolved) - taken_over):
        findings.note(("dissolved", name), f"nobody has succeeded {name}", "what it held has no holder")


def _one_succession(findings: Findings, name: str, source: SuccessionSource) -> None:
    path: Path = ("successions", name)
    if source.predecessor == source.successor:
        findings.problem((*path, "successor"), f"{source.successor} cannot succeed itself")
    if source.holder is not None and findings.organization_of(source.holder) != source.successor:
        findings.problem(
            (*path, "holder"), f'"{source.holder}" is no holder id of {source.successor}, the successor'
        )
    dissolved = findings.sources.dissolved.get(source.predecessor)
    if dissolved is not None and source.effective_on > dissolved.dissolved_on:
        findings.note(
            (*path, "effective_on"),
            f"{source.predecessor} was dissolved on {dissolved.dissolved_on}, before {source.effective_on}",
        )


def _received_under(findings: Findings) -> None:
    """A specified row that rests on an agreement of others, or goes beyond its items."""
    for holder, rows in findings.sources.specified_purposes.items():
        for index, row in enumerate(rows):
            path: Path = ("specified_purposes", holder, index, "received_under")
            if row.received_under is None:
                continue
            found = _received(findings, row.received_under)
            if found is None:
                continue
            receivers, covered = found
            if findings.organization_of(holder) not in receivers:
                findings.problem(
                    path, f"{row.received_under} gives nothing to {holder}", f"it goes to {some(receivers)}"
                )
            beyond = findings.items(row.items) - covered
            if beyond:
                findings.note(
                    path, f"{some(beyond)} go beyond {row.received_under}", "name the items received"
                )


def _received(findings: Findings, name: str) -> tuple[set[str], frozenset[str]] | None:
    """Who receives under an agreement, and which items; None where it is of no such kind."""
    sources = findings.sources
    if name in sources.entrustments:
        entrustment = sources.entrustments[name]
        return {entrustment.trustee, *entrustment.sub_trustees}, findings.items(entrustment.items)
    if name in sources.batch_agreements:
        batch = sources.batch_agreements[name]
        return {batch.recipient}, findings.items(batch.items)
    if name in sources.successions:
        succession = sources.successions[name]
        return {succession.successor}, findings.items(succession.items)
    if name in sources.joint_uses:
        notice = sources.joint_uses[name]
        return {*notice.users}, findings.items(notice.items)
    return None


def _prohibited(findings: Findings) -> None:
    """An agreement with one to whom nothing goes (USE-1)."""
    sources = findings.sources
    listed = {name for source in sources.prohibited.values() for name in source.organizations}
    parties: list[tuple[Path, set[str]]] = [
        (("entrustments", name), {each.controller, each.trustee, *each.sub_trustees})
        for name, each in sources.entrustments.items()
    ]
    parties += [
        (("batch_agreements", name), {each.provider, each.recipient})
        for name, each in sources.batch_agreements.items()
    ]
    parties += [
        (("successions", name), {each.predecessor, each.successor})
        for name, each in sources.successions.items()
    ]
    parties += [(("joint_uses", name), {*each.users}) for name, each in sources.joint_uses.items()]
    parties += [
        (("equivalent_systems", name), {each.recipient}) for name, each in sources.equivalent_systems.items()
    ]
    for path, named in parties:
        if named & listed:
            findings.note(
                path,
                f"{some(named & listed)} is on a prohibited list: {path[1]} opens nothing to it",
                "USE-1",
            )
