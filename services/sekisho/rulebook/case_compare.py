"""What of an answer is not as a case expects, told for people: one line for each difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sekisho.rulebook.case_model import Expected

_NOT_OF_THE_WORLD: Final = frozenset(
    {
        "record_id",
        "created_at",
        "decision_id",
        "request_id",
        "request_position",
        "rulebook",
        "subject",
        "consent",
    }
)
"""Particulars of a record that are ids, positions and times, and those that are compared by themselves."""


def differences(
    expected: Expected,
    expected_record: Mapping[str, Any] | None,
    decision: Mapping[str, Any],
    record: Mapping[str, Any] | None,
) -> list[str]:
    """Compares everything but ids, positions and times of the answer itself."""
    told = [
        *_differing("effect", expected.effect, decision["effect"]),
        *_differing("items", _items_expected(expected), _items(decision)),
        *_differing(
            "reasons",
            list(expected.reasons),
            [f"{each['code']} {each['rule']}" for each in decision["reasons"]],
        ),
        *_differing(
            "near misses",
            _pairs(expected.near_misses),
            [(each["consent_id"], list(each["failed"])) for each in decision["near_misses"]],
        ),
        *_differing("near misses in all", len(expected.near_misses), decision["near_misses_total"]),
        *_differing(
            "obligations",
            list(expected.obligations),
            [f"{each['code']} {each['rule']}" for each in decision["obligations"]],
        ),
        *_differing(
            "consents that served",
            _pairs(expected.consents),
            [(each["consent_id"], list(each["serves"])) for each in decision["consents"]],
        ),
        *_differing("record exemption", expected.record_exemption, decision["record_exemption"]),
        *_differing("record", expected_record is not None, record is not None),
        *_differing("record id in the decision", record is not None, decision["record_id"] is not None),
        *_unmentioned(expected, decision),
    ]
    if expected_record is not None and record is not None:
        told += _record(expected_record, record)
    return told


def _differing(what: str, expected: object, found: object) -> Iterator[str]:
    if expected != found:
        yield f"{what}: expected {_shown(expected)}, found {_shown(found)}"


def _shown(value: object) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "one" if value else "none"
    if isinstance(value, list):
        return "; ".join(
            f"{each[0]} [{', '.join(each[1])}]" if isinstance(each, tuple) else str(each) for each in value
        )
    return str(value)


def _items_expected(expected: Expected) -> list[tuple[str, list[str]]]:
    return [
        (
            f"{name} ({item.role}) {'deny' if item.allow is None else 'allow'}",
            list(item.allow or item.deny or ()),
        )
        for each in expected.items
        for name, item in each.items()
    ]


def _items(decision: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    # an allowed item has no reasons and a denied one no basis, so the two lists together are the whole
    return [
        (f"{each['item']} ({each['role']}) {each['effect']}", [*each["basis"], *each["reasons"]])
        for each in decision["items"]
    ]


def _pairs(listed: Sequence[Mapping[str, Sequence[str]]]) -> list[tuple[str, list[str]]]:
    return [(name, list(values)) for each in listed for name, values in each.items()]


def _unmentioned(expected: Expected, decision: Mapping[str, Any]) -> Iterator[str]:
    texts = [each[text] for each in decision["reasons"] for text in ("message", "remedy")]
    for language in ("ja", "en"):
        whole = " ".join(text[language] for text in texts)
        for mention in expected.mentions:
            if mention not in whole:
                yield f"the texts ({language}) do not mention {mention}: {whole}"


def _record(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    apart = ("consents", "statement", "subject_kind")
    wanted = {name: value for name, value in expected.items() if name not in apart}
    for name in sorted({*wanted, *found} - _NOT_OF_THE_WORLD):
        value = found.get(name)
        yield from _differing(
            f"record's {name}", wanted.get(name), list(value) if isinstance(value, tuple) else value
        )
    subject, consent = found["subject"], found["consent"]
    yield from _differing(
        "record's subject", expected["subject_kind"], None if subject is None else subject["kind"]
    )
    named = (
        []
        if consent is None
        else [consent["consent_id"], *(each["consent_id"] for each in consent.get("others", ()))]
    )
    if named == [
        None
    ]:  # what is stated rests on no consent event: the provider's consent, or a recipient's word
        named = []
    yield from _differing("record's consents", expected["consents"], named)
    for consent_id in named:
        if consent is not None and consent_id not in consent["statement"]:
            yield f"the record's statement does not name {consent_id}: {consent['statement']}"
    if "statement" in expected:
        stated = None if consent is None else consent["statement"]
        yield from _differing("record's statement", expected["statement"], stated)
