"""What a consent told of the one who gets the data, and of the country it goes to (APPI 28(2), 31(1)(ii); ER 17)."""

from __future__ import annotations

from sekisho.domain.events import ConsentGranted, ConsentRecipient


def entries_of(grant: ConsentGranted, recipient: str) -> list[ConsentRecipient]:
    """Where the consent names that recipient: its id, and the name that was shown."""
    return [entry for entry in grant.recipients if entry.id == recipient and entry.name]


def covers(grant: ConsentGranted, told: frozenset[str], purpose: str) -> bool:
    """Whether the purpose is among those told with the recipient, and among those beside it; told nowhere, none is."""
    if not told and not grant.purposes:
        return False
    return (not told or purpose in told) and (not grant.purposes or purpose in grant.purposes)


def is_informed(grant: ConsentGranted, country: str | None, *, excusable: bool) -> bool:
    """Whether the country, its system and the recipient's measures were told before the consent, or why not.

    The reason excuses what is missing (ER 17(3)(4): of Art. 28 alone, so not `excusable` under Art. 31), never what was
    told wrongly. What was explained only after the consent was not told beforehand.
    """
    told = grant.foreign
    if told is None or _came_late(grant):
        return False
    if told.country is not None and told.country != country:
        return False
    if excusable and told.unknown_reason:
        return True
    return bool(told.country and told.system_information and told.recipient_measures)


def _came_late(grant: ConsentGranted) -> bool:
    return (
        grant.explained_at is not None and grant.given_at is not None and grant.explained_at > grant.given_at
    )
