"""How an access request is read: what contract.md allows decodes, everything else is refused by name."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from contracts.sample_messages import data, request
from sekisho.contracts import access_requests
from sekisho.contracts.errors import InvalidMessageError, RejectedMessageError, UnreadableMessageError
from sekisho.contracts.fields import MAX_OFFSET
from sekisho.contracts.reading import paths
from sekisho.domain import request as domain


def refused(document: Any) -> InvalidMessageError:
    with pytest.raises(InvalidMessageError) as caught:
        access_requests.decode(document if isinstance(document, bytes) else data(document))
    return caught.value


def test_the_contracts_own_example_decodes_to_the_domains_request() -> None:
    """The example of contract.md is read whole, its time in UTC, its nulls None, its empty list empty."""
    assert access_requests.decode(data(request())) == domain.AccessRequest(
        request_id="7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        requested_at=datetime(2026, 11, 21, 1, 0, tzinfo=UTC),
        requester=domain.Requester(
            "post-office", "insurance_solicitation", "savings-crm", "op-0123", "br-0456", "op-0123"
        ),
        subject_id="C-000001",
        subject_kind="individual",
        action="use",
        holder="savings-bank",
        items=("customer.name", "savings.maturity_date"),
        purpose="insurance.solicitation",
        activity=domain.Activity(
            "list_extraction", "face_to_face", "満期のお客さま 11月", ("savings.maturity_date",)
        ),
        product_provider="life-insurer",
    )


def test_every_part_reaches_the_domain() -> None:
    """Recipient, legal basis, receipt, record, acquisition and position are read with all their particulars."""
    found = access_requests.decode(
        data(
            request(
                recipient={
                    "id": "life-insurer", "name": "n", "address": "a", "representative": "r", "relation": "third_party",
                    "country": "JP", "agreement": "AG-6", "contact": "c", "deletes_unless_awarded": True,
                    "unspecified_many": True,
                    "referable_consent": {
                        "confirmed_at": "2026-01-02T03:04:05Z", "how": "h", "foreign_information": "f",
                    },
                },
                legal_basis={
                    "kind": "law", "reference": "刑事訴訟法第197条", "consent_difficult": "1", "would_hinder": "2",
                    "necessity": "3", "reasonableness": "4", "body": "police", "no_undue_harm": True,
                },
                receipt={
                    "provider": {"id": "p", "name": "n", "address": "a", "representative": "r"}, "acquisition": "q",
                    "document": "d", "unlawful_suspected": False, "basis": "opt_out", "agreement": "OO-1",
                    "ppc_publication": "u",
                },
                record={
                    "method": "batch", "agreement": "AG-6", "document": "d", "first_provision": "2026-10-01",
                    "last_provision": "2026-11-30",
                },
                acquisition={"improper": True, "by_opt_out": False},
                card_number_in_full="needed",
                minimum_consent_position={"partition": 3, "offset": 41},
                list_id="L-1",
            )
        )
    )  # fmt: skip
    assert found.recipient == domain.Recipient(
        "life-insurer", "third_party", "n", "a", "r", "JP", "AG-6", "c",
        domain.ReferableConsent(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "h", "f"), True, True,
    )  # fmt: skip
    assert found.legal_basis == domain.LegalBasis(
        "law", "刑事訴訟法第197条", "1", "2", "3", "4", "police", True
    )
    assert found.receipt == domain.Receipt(
        domain.Provider("p", "n", "a", "r"), "q", "d", False, "opt_out", "OO-1", "u"
    )
    assert found.record == domain.RecordRequest("batch", "AG-6", "d", date(2026, 10, 1), date(2026, 11, 30))
    assert found.acquisition == domain.Acquisition(True, False)
    assert (found.card_number_in_full, found.minimum_consent_position, found.list_id) == (
        "needed",
        (3, 41),
        "L-1",
    )


NULLABLE = (
    "requester.operator", "requester.branch", "requester.authenticated_operator", "activity.list_name",
    "activity.selected_by", "product_provider", "consent_sought", "anticipated_purposes", "recipient", "legal_basis",
    "receipt", "record", "acquisition", "card_number_in_full", "minimum_consent_position", "list_id",
    "recipient.name", "recipient.address", "recipient.representative", "recipient.relation", "recipient.country",
    "recipient.agreement", "recipient.contact", "recipient.referable_consent", "recipient.deletes_unless_awarded",
    "recipient.unspecified_many",
    "recipient.referable_consent.confirmed_at", "recipient.referable_consent.how",
    "recipient.referable_consent.foreign_information",
    "legal_basis.reference", "legal_basis.consent_difficult", "legal_basis.would_hinder", "legal_basis.necessity",
    "legal_basis.reasonableness", "legal_basis.body", "legal_basis.no_undue_harm",
    "receipt.provider", "receipt.provider.name", "receipt.provider.address", "receipt.provider.representative",
    "receipt.acquisition", "receipt.document", "receipt.unlawful_suspected", "receipt.basis", "receipt.agreement",
    "receipt.ppc_publication", "record.method", "record.agreement", "record.document", "record.first_provision",
    "record.last_provision", "acquisition.improper", "acquisition.by_opt_out",
    "minimum_consent_position.partition", "minimum_consent_position.offset",
)  # fmt: skip
REQUIRED = (
    "request_id", "requested_at", "requester", "requester.organization", "requester.business", "requester.system",
    "subject", "subject.id", "subject.kind", "action", "holder", "items", "purpose", "activity", "activity.kind",
    "activity.mode", "recipient.id", "legal_basis.kind", "receipt.provider.id",
)  # fmt: skip


def whole() -> dict[str, Any]:
    """A request with every part there, so that any field can be taken out."""
    return request(
        recipient={"id": "r", "referable_consent": {}},
        legal_basis={"kind": "law"},
        receipt={"provider": {"id": "p"}},
        record={},
        acquisition={},
        minimum_consent_position={},
    )


def at(document: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that holds a path's last field, and that field."""
    *parts, last = path.split(".")
    for part in parts:
        document = document[part]
    return document, last


def test_the_lists_of_this_test_cover_the_contract() -> None:
    """Every field of the message is either one that may be null or one that may not."""
    assert sorted(NULLABLE + REQUIRED) == sorted(paths(access_requests.AccessRequest))


@pytest.mark.parametrize("path", NULLABLE)
def test_what_may_be_null_may_be_null_or_absent(path: str) -> None:
    """contract.md, "May be null or absent": both are accepted, and both say the same."""
    absent, null = whole(), whole()
    holder, name = at(absent, path)
    holder.pop(name, None)
    holder, name = at(null, path)
    holder[name] = None
    assert access_requests.decode(data(absent)) == access_requests.decode(data(null))


@pytest.mark.parametrize("path", [each for each in REQUIRED if each != "request_id"])
def test_what_may_not_be_null_is_refused_by_name(path: str) -> None:
    """A required field that is missing or null makes the request invalid, and the error names it."""
    absent, null = whole(), whole()
    holder, name = at(absent, path)
    del holder[name]
    holder, name = at(null, path)
    holder[name] = None
    missing, nulled = refused(absent), refused(null)
    assert (missing.field, missing.problem) == (path, "missing_field")
    assert nulled.field == path
    assert nulled.problem in {"wrong_type", "unknown_value"}


@pytest.mark.parametrize(
    ("wrong", "where", "nearest"),
    [
        ("anticipated_purpose", "anticipated_purpose", "anticipated_purposes"),
        ("anticpated_purposes", "anticpated_purposes", "anticipated_purposes"),
        ("itmes", "itmes", "items"),
        ("list_name", "list_name", "activity.list_name"),
        ("minimumConsentPosition", "minimumConsentPosition", "minimum_consent_position"),
    ],
)
def test_a_misspelt_field_is_named_with_the_nearest_known_one(wrong: str, where: str, nearest: str) -> None:
    """The answer names the field as it was sent and the nearest known one; the event only the known one."""
    error = refused(request(**{wrong: []}))
    assert (error.problem, error.field, error.where, error.nearest) == (
        "unknown_field",
        nearest,
        where,
        nearest,
    )
    assert error.details == (("field", where), ("nearest", nearest), ("problem", "unknown_field"))


def test_a_misspelt_name_of_a_required_field_is_told_rather_than_its_absence() -> None:
    """`purpos` for `purpose` is told as the misspelling that it is."""
    error = refused(request(purpose=..., purpos="insurance.solicitation"))
    assert (error.problem, error.where, error.nearest) == ("unknown_field", "purpos", "purpose")


def test_a_misspelt_field_within_a_part_is_named_with_its_path() -> None:
    """Where a nested name is misspelt, both paths are told."""
    sent = request()
    sent["activity"]["list_nmae"] = sent["activity"].pop("list_name")
    error = refused(sent)
    assert (error.where, error.nearest) == ("activity.list_nmae", "activity.list_name")


@pytest.mark.parametrize(
    ("path", "value", "nearest"),
    [
        ("activity.mode", "face_to_fase", "face_to_face"),
        ("activity.kind", "list_extracton", "list_extraction"),
        ("action", "using", "use"),
        ("subject.kind", "person", "corporation"),
        ("legal_basis.kind", "lawful", "law"),
        ("consent_sought", "crosssell", "cross_sell"),
    ],
)
def test_an_unknown_value_is_named_with_the_nearest_known_one(path: str, value: str, nearest: str) -> None:
    """An enumeration's unknown value names the field and the nearest value that the contract lists."""
    sent = whole()
    holder, name = at(sent, path)
    holder[name] = value
    error = refused(sent)
    assert (error.problem, error.field, error.where, error.nearest) == (
        "unknown_value",
        path,
        path,
        nearest,
    )


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("requested_at", "2026-11-21T10:00:00", "missing_time_zone"),
        ("requested_at", "2026-11-21", "not_a_time"),
        ("requested_at", "2026-11-21 10:00:00+09:00", "not_a_time"),
        ("requested_at", "2026-13-21T10:00:00Z", "not_a_time"),
        ("requested_at", "2026-11-21T10:00:00+25:00", "not_a_time"),
        ("requested_at", "1763686800", "not_a_time"),
        ("requested_at", "٢٠٢٦-11-21T10:00:00Z", "not_a_time"),
        ("requested_at", "2026-11-21T24:00:00Z", "not_a_time"),
        ("requested_at", "2026-11-21T10:00:00+00:99", "not_a_time"),
        ("requested_at", "0001-01-01T00:00:00+09:00", "out_of_range"),
        ("requested_at", "1900-01-01T00:00:00+23:59", "out_of_range"),
        ("requested_at", "2999-12-31T23:59:59-23:59", "out_of_range"),
        ("requested_at", 1763686800, "wrong_type"),
        ("record.first_provision", "2026-02-29", "not_a_date"),
        ("record.first_provision", "20261001", "not_a_date"),
        ("record.first_provision", "2026-10-01T00:00:00Z", "not_a_date"),
        ("record.last_provision", "9999-12-31", "out_of_range"),
        ("items", "customer.name", "wrong_type"),
        ("items", {"0": "customer.name"}, "wrong_type"),
        ("acquisition.improper", "true", "wrong_type"),
        ("acquisition.improper", 1, "wrong_type"),
        ("legal_basis.no_undue_harm", 1, "wrong_type"),
        ("minimum_consent_position.offset", 1.0, "wrong_type"),
        ("minimum_consent_position.offset", "41", "wrong_type"),
        ("minimum_consent_position.offset", -1, "out_of_range"),
        ("minimum_consent_position.offset", 2**63, "out_of_range"),
        ("requester", [], "wrong_type"),
        ("holder", "", "empty"),
        ("requester.operator", "", "empty"),
        ("holder", "x" * 257, "too_long"),
        ("activity.list_name", "x" * 20_001, "too_long"),
        ("subject.id", "C-1\0EV-1", "forbidden_character"),
        ("subject.id", "C-1\n", "forbidden_character"),
        ("recipient.name", "a\0b", "forbidden_character"),
    ],
)
def test_a_wrong_value_is_refused_by_name(path: str, value: object, problem: str) -> None:
    """A wrong type, a missing time zone, a bad date, an id out of bounds: refused, never cut or converted."""
    sent = whole()
    holder, name = at(sent, path)
    holder[name] = value
    error = refused(sent)
    assert (error.field, error.problem) == (path, problem)


def test_five_hundred_items_are_read_and_one_more_is_not() -> None:
    """runtime.md, Poison: items ≤ 500."""
    assert len(access_requests.decode(data(request(items=["customer.name"] * 500))).items) == 500
    error = refused(request(items=["customer.name"] * 501))
    assert (error.field, error.problem) == ("items", "too_many")


def test_a_bad_element_is_named_with_its_place_to_the_sender_only() -> None:
    """The sender learns which element; the rejected event has the contract's path."""
    error = refused(request(items=["customer.name", 3]))
    assert (error.field, error.where, error.problem) == ("items[]", "items[1]", "wrong_type")


def test_no_items_is_a_readable_request() -> None:
    """A request with no items is refused by REQ-3, not by the contract."""
    assert access_requests.decode(data(request(items=[]))).items == ()


def test_unknown_catalogue_ids_are_readable() -> None:
    """Whether an item, a purpose or an organization is known is REQ-1's question."""
    found = access_requests.decode(data(request(items=["no.such_item"], purpose="no.such_purpose")))
    assert (found.items, found.purpose) == (("no.such_item",), "no.such_purpose")


def test_everyone_selected_differs_from_not_stated() -> None:
    """REQ-6: an empty `selected_by` says everyone, null says nothing."""
    everyone, unstated = request(), request()
    everyone["activity"]["selected_by"] = []
    unstated["activity"]["selected_by"] = None
    assert access_requests.decode(data(everyone)).activity.selected_by == ()
    assert access_requests.decode(data(unstated)).activity.selected_by is None


def test_a_blank_text_states_nothing() -> None:
    """A blank text, also one of full-width blanks, is read as null: a reference that is blank is none."""
    sent = whole()
    sent["legal_basis"]["reference"] = "  \u3000"
    found = access_requests.decode(data(sent))
    assert found.legal_basis is not None
    assert found.legal_basis.reference is None


def test_a_demanded_position_without_an_offset_is_one_that_never_comes() -> None:
    """A null offset is no parse error: it demands what cannot be reached (`consent.position_not_reached`)."""
    found = access_requests.decode(data(request(minimum_consent_position={"partition": 3})))
    assert found.minimum_consent_position == (3, MAX_OFFSET)


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"{", b"null", b"[]", b'"text"', b"3", b"\xff\xfe", b"\xef\xbb\xbf{}", b"{} {}", b"[" * 5000,
        b"{'request_id': 'r'}", b"{}", b'{"request_id": ""}', b'{"request_id": 3}', b'{"request_id": null}',
    ],
)  # fmt: skip
def test_what_has_no_readable_id_is_unreadable(sent: bytes) -> None:
    """Not JSON, no object or no id: nobody to answer, a rejected event only."""
    with pytest.raises(UnreadableMessageError) as caught:
        access_requests.decode(sent)
    assert caught.value.cause == "unreadable"


@pytest.mark.parametrize("token", [b"NaN", b"Infinity", b"-Infinity", b'"\\ud800"', b'"\xed\xa0\x80"'])
def test_nan_and_lone_surrogates_are_no_json(token: bytes) -> None:
    """Python's own parser accepts them; the contract does not (runtime.md, Poison)."""
    sent = data(request()).replace(b'"savings-bank"', token)
    with pytest.raises(UnreadableMessageError):
        access_requests.decode(sent)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"purpose": "', b'"purpose": "savings.administration", "purpose": "', "purpose"),
        (b'"purpose": "', b'"purpose" \t\r\n: "savings.administration", "purpose": "', "purpose"),
        (b'"purpose": "', b'"\\u0070urpose": "savings.administration", "purpose": "', "purpose"),
        (b'"operator": "', b'"operator": null, "operator": "', "requester.operator"),
        (b'"kind": "individual"', b'"kind": "corporation", "kind": "individual"', "subject.kind"),
    ],
)
def test_a_field_that_stands_twice_is_refused(old: bytes, new: bytes, field: str) -> None:
    """Readers would differ on which of the two counts; also where the second hides behind blanks or escapes."""
    sent = data(request())
    assert old in sent
    error = refused(sent.replace(old, new, 1))
    assert (error.problem, error.field) == ("duplicate_field", field)


def test_colons_in_texts_do_not_look_like_fields() -> None:
    """A text that begins with a colon, or holds quotes and colons, is read as it is."""
    sent = request()
    sent["activity"]["list_name"] = ': "a": " :'
    assert access_requests.decode(data(sent)).activity.list_name == ': "a": " :'
    sent["activity"]["list_name"] = ":x"
    assert access_requests.decode(data(sent)).activity.list_name == ":x"


def test_an_invalid_request_still_tells_whom_to_answer() -> None:
    """Id, organization, person, action and digest are there as far as they are readable."""
    error = refused(request(itmes=[]))
    assert error.readable is not None
    assert error.readable[:4] == (
        "7d1f0f5e-2f0e-4a57-9a0e-0f6f4f1c0001",
        "post-office",
        "C-000001",
        "use",
    )
    assert error.readable.digest.startswith("sha256:")


@pytest.mark.parametrize(
    "changes",
    [
        {"requester": [], "subject": "C-1", "action": "burn"},
        {"requester": {"organization": 3}, "subject": {"id": ""}, "action": ["use"]},
        {"requester": {"organization": "x" * 257}, "subject": {"id": "C\0"}, "action": None},
        {"requester": ..., "subject": ..., "action": ...},
    ],
)
def test_what_is_not_readable_of_an_invalid_request_is_none(changes: dict[str, Any]) -> None:
    """Nothing unreadable gets into a decision by way of its refusal."""
    error = refused(request(**changes))
    assert error.readable is not None
    assert error.readable[1:4] == (None, None, None)


def test_an_invalid_requests_digest_ignores_renewal_and_nulls() -> None:
    """A malformed request sent again with a new time is the same request."""
    first, again = request(itmes=[]), request(itmes=[], requested_at="2026-11-22T00:00:00Z", receipt=...)
    one, two = refused(first).readable, refused(again).readable
    assert one is not None
    assert two is not None
    assert one.digest == two.digest
    three = refused(request(itmes=["x"])).readable
    assert three is not None
    assert three.digest != one.digest


SECRET = "山田太郎-4111111111111111"


@pytest.mark.parametrize(
    "sent",
    [
        data(request(**{SECRET: 1})),
        data(request(action=SECRET)),
        data(request(requested_at=SECRET)),
        data(request(requester={SECRET: SECRET})),
        data(request(items=[{SECRET: SECRET}])),
        data(request(holder=SECRET * 200)),
        data(request()).replace(b'"holder"', b'"%b": 1, "%b": 2, "holder"' % (SECRET.encode(), SECRET.encode())),
        data(request(request_id=[SECRET])),
        SECRET.encode(),
        data([SECRET]),
        json.dumps(SECRET).encode(),
    ],
)  # fmt: skip
def test_a_rejected_events_words_are_never_the_senders(sent: bytes) -> None:
    """Neither cause, field, message nor the exception and what it was raised from holds a byte that was sent."""
    with pytest.raises(RejectedMessageError) as caught:
        access_requests.decode(sent)
    error: BaseException | None = caught.value
    assert SECRET not in f"{caught.value.cause} {caught.value.field} {caught.value.message}"
    while error is not None:
        assert SECRET not in f"{error!s} {error!r}"
        error = error.__cause__


def test_the_senders_own_path_is_bounded_and_printable() -> None:
    """What is told back to the sender cannot be used to send much, or control characters, anywhere."""
    error = refused(request(**{"x\n\x1b" + "y" * 10_000: 1}))
    assert len(error.where) <= 257
    assert error.where.isprintable()
