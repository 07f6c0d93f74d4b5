"""What the data files of texts must hold: those of the notice, the count sheet and the refusals (texts.py reads them).

Each file must hold every text that its model names and no other; every enumeration must be told in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from sekisho.audit.disclosure.given import Capacity, ExcludedKind, Ground, Method, Particular
from sekisho.domain.vocabulary import RecordExemption, RecordMethod, values

Language = Literal["ja", "en"]
Direction = Literal["provision", "receipt"]
Outcome = Literal["disclosed", "partly_withheld", "withheld", "none"]
"""What the letter says: all is disclosed, some of it, nothing, or that there is no record."""
Category = Literal[
    "disclosed", "partly_withheld", "withheld", "expired",
    "expired_untold", "excluded", "without_duty", "referable_provision", "other_controller", "outside_period",
]  # fmt: skip
"""What becomes of a record; each has exactly one."""
TOLD: Final[tuple[Category, ...]] = ("disclosed", "partly_withheld", "withheld", "expired")
"""The categories of which the person is told."""
DisclosedBasis = Literal[
    "provision.consent", "provision.opt_out", "provision.foreign_consent",
    "receipt.consent", "receipt.opt_out", "receipt.private", "referable.receipt",
]  # fmt: skip
"""The rows of records.md's first table that are 第三者提供記録: all but `referable.provision`."""

K = TypeVar("K", bound=str)
V = TypeVar("V")


class Wording(BaseModel):
    """A part of a text file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Both(Wording):
    """A text in both languages."""

    ja: str
    en: str

    def of(self, language: Language) -> str:
        """The text in one of them."""
        return self.ja if language == "ja" else self.en


def _of_all(vocabulary: object) -> AfterValidator:
    def check(told: Mapping[K, V]) -> Mapping[K, V]:
        missing = [each for each in values(vocabulary) if each not in told]
        if missing:
            raise ValueError(f"nothing is said of {', '.join(missing)}")
        return told

    return AfterValidator(check)


class NoticeSections(Wording):
    """The notice's headings."""

    request: str
    answer: str
    provisions: str
    receipts: str
    withheld: str
    expired: str
    ledger: str
    contact: str


class RequestWording(Wording):
    """What was asked."""

    caption: str
    asker: str
    asked_by_person: str
    asked_by_representative: str
    asked_by_unnamed: str
    person: str
    person_named: str
    person_unnamed: str
    received: str
    period: str
    method: str
    method_changed: str
    searched: str


class PeriodWording(Wording):
    """The period covered."""

    all: str
    both: str
    first: str
    last: str


class SummaryWording(Wording):
    """The table of what the answer comprises."""

    caption: str
    columns: tuple[str, str, str]
    whole: str
    part: str
    count: str


class ContactWording(Wording):
    """The labels of the contact."""

    desk: str
    address: str
    phone: str
    hours: str
    email: str


class CardWording(Wording):
    """One record's labels."""

    provision: str
    receipt: str
    parts: tuple[str, str]
    record_id: str
    created: str
    method: str
    retention: str
    retained_until: str
    retained_while: str
    retained_open: str
    proof: str
    withheld: str
    withheld_items: str
    withheld_because: str
    withheld_follows: str


class ValueWording(Wording):
    """What a record states, where it is no text of its own."""

    absent: str
    person: str
    unspecified_many: str
    abroad: str
    abroad_alone: str
    span: str
    span_open: str
    span_last: str
    foreign_information: str


class NoticeWording(Wording):
    """notice.yaml."""

    title: str
    document_id: str
    person: str
    person_unnamed: str
    representative: str
    representative_unnamed: str
    representative_for: str
    person_named: str
    person_by_id: str
    head_of_organization: str
    opening: str
    terms: str
    answer: Annotated[Mapping[Outcome, str], _of_all(Outcome)]
    withheld_notified: str
    none_notified: str
    none_reason: str
    expired_mentioned: str
    method_difficult: str
    method_reason: str
    sections: NoticeSections
    request: RequestWording
    period: PeriodWording
    summary: SummaryWording
    provisions_intro: str
    receipts_intro: str
    nothing_listed: str
    withheld_intro: str
    withheld_caption: str
    withheld_columns: tuple[str, str, str, str]
    expired_intro: str
    expired_caption: str
    expired_columns: tuple[str, str, str, str]
    ledger_intro: str
    ledger_caption: str
    ledger_reference: str
    contact_intro: str
    contact_caption: str
    contact: ContactWording
    card: CardWording
    value: ValueWording
    end: str
    footer: str


class BasisName(Wording):
    """What a basis is called, and the article that says what its record states."""

    name: str
    article: str


class MethodName(Wording):
    """What a method is called, and the articles that allow it."""

    name: str
    provision: str
    receipt: str


class ByDirection(Wording):
    """The articles of one thing."""

    provision: str
    receipt: str


class GroundName(Wording):
    """A ground in the law's words."""

    article: str
    text: str


ParticularNames = Annotated[Mapping[Particular, str], _of_all(Particular)]


class Names(Wording):
    """names.yaml."""

    particulars: Annotated[Mapping[Direction, ParticularNames], _of_all(Direction)]
    referable_items: str
    bases: Annotated[Mapping[DisclosedBasis, BasisName], _of_all(DisclosedBasis)]
    methods: Annotated[Mapping[RecordMethod, MethodName], _of_all(RecordMethod)]
    retention: Annotated[Mapping[RecordMethod, ByDirection], _of_all(RecordMethod)]
    disclosure_methods: Annotated[Mapping[Method, str], _of_all(Method)]
    capacities: Mapping[Literal["legal_representative", "agent"], str]
    grounds: Annotated[Mapping[Ground, GroundName], _of_all(Ground)]


class SheetFacts(Wording):
    """The sheet's facts of request and answer."""

    caption: Both
    columns: tuple[Both, Both]
    organization: Both
    subject: Both
    asker: Both
    verified_by: Both
    received: Both
    issued: Both
    days: Both
    as_of: Both
    outcome: Both
    ledger: Both
    not_given: Both


class SheetCounts(Wording):
    """The sheet's table of counts."""

    caption: Both
    columns: tuple[Both, Both, Both]
    total: Both
    kept: Both
    purged: Both


class SheetEntries(Wording):
    """The sheet's table of records."""

    caption: Both
    columns: tuple[Both, Both, Both, Both, Both]
    withheld_parts: Both


class SheetWarnings(Wording):
    """What the operator should look at."""

    heading: Both
    none: Both
    not_verified: Both
    incomplete: Both
    without_effect: Both
    not_displayable: Both
    expired_undecided: Both
    days_passed: Both


class SheetWording(Wording):
    """sheet.yaml."""

    title: Both
    document_id: Both
    footer: Both
    warning: Both
    facts: SheetFacts
    capacities: Annotated[Mapping[Capacity, Both], _of_all(Capacity)]
    outcomes: Annotated[Mapping[Outcome, Both], _of_all(Outcome)]
    counts: SheetCounts
    categories: Annotated[Mapping[Category, Both], _of_all(Category)]
    grounds: Annotated[Mapping[Ground, Both], _of_all(Ground)]
    kinds: Annotated[Mapping[ExcludedKind, Both], _of_all(ExcludedKind)]
    exemptions: Annotated[Mapping[RecordExemption, Both], _of_all(RecordExemption)]
    entries: SheetEntries
    warnings: SheetWarnings


Refusal = Literal[
    "person.not_individual", "person.not_living", "asker.unnamed", "dates.order", "period.order",
    "method.reason_missing", "method.not_document", "method.reason_unneeded",
    "entry.other_person", "entry.personless", "entry.doubled",
    "statement.unknown_record", "statement.contradiction", "statement.no_such_particular", "statement.purged",
    "statement.referred",
]  # fmt: skip


class Refusals(Wording):
    """errors.yaml."""

    texts: Annotated[Mapping[Refusal, Both], _of_all(Refusal)]
