"""Every declared reason has its texts, and cites for each organization what binds it, with its weight."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from sekisho.domain.book import Rulebook
from sekisho.domain.rules import BASES, DECLARED, OBLIGATIONS
from sekisho.rulebook import RulebookError, compile_sources

Slip = Callable[..., list[str]]

IN_234_A = "保険業法施行規則第234条第1項第18号イ"
IN_212_A = "保険業法施行規則第212条第2項第1号イ"
IN_53_6 = "保険業法施行規則第53条の6第1項"
PLACEHOLDERS_OF = {
    "request.unknown_item": {"detail"},
    "request.unknown_purpose": {"detail"},
    "request.unknown_holder": {"detail"},
    "request.unknown_requester": {"detail"},
    "request.unknown_agreement": {"detail"},
    "request.invalid": {"field", "nearest"},
    "consent.position_misrouted": {"partition"},
    "request.misrouted": {"partition"},
    "record.particulars_missing": {"detail"},
    "exception.conditions_unmet REQ-1": {"detail"},
}


def placeholders_of(code: str, rule: str) -> set[str]:
    """What the message of a code fills in, at every rule or at one alone."""
    return PLACEHOLDERS_OF.get(f"{code} {rule}", PLACEHOLDERS_OF.get(code, set()))


def test_texts_stand_for_exactly_what_is_declared(book: Rulebook) -> None:
    """Reasons, bases and obligations of the standing families, no more and no less."""
    assert set(book.reasons) == set(DECLARED)
    assert set(book.bases) == set(BASES)
    assert set(book.obligations) == set(OBLIGATIONS)


@pytest.mark.parametrize("pair", DECLARED, ids=lambda cite: f"{cite.code}@{cite.rule}")
def test_reasons_read_well_in_both_languages(book: Rulebook, pair: tuple[str, str]) -> None:
    """Whole sentences, polite in Japanese, in the right script, with the placeholders of their code alone."""
    for reason in book.reasons[pair].values():
        for text in (reason.message, reason.remedy):
            assert text.ja.endswith(("。", "）")), text.ja
            assert re.search(r"(ます|ません|です|ください|ました|でした)(。|（)", text.ja), text.ja
            assert re.search(r"[ぁ-ん]", text.ja)
            assert text.en.endswith(".")
            # a statute may be quoted in its own language
            assert len(re.findall(r"[ぁ-んァ-ン一-龥]", text.en)) < len(re.findall("[A-Za-z]", text.en)) / 4
            for language in text:
                assert set(re.findall(r"\{(\w+)\}", language)) <= placeholders_of(reason.code, reason.rule)
        assert reason.citation


def test_messages_name_what_they_are_about(book: Rulebook) -> None:
    """Where a code has something to tell, its message shows it in both languages."""
    for code, rule in book.reasons:
        reason, wanted = book.reason(code, rule, None), placeholders_of(code, rule)
        for language in ("ja", "en"):
            shown = getattr(reason.message, language) + getattr(reason.remedy, language)
            assert wanted <= set(re.findall(r"\{(\w+)\}", shown)), (code, language)


@pytest.mark.parametrize("rule", ["WALL-1", "WALL-6", "WALL-7", "WALL-8", "WALL-9", "WALL-10", "WALL-12"])
def test_the_wall_cites_what_binds_the_requester(book: Rulebook, rule: str) -> None:
    """A bank agent is told 234, a bank 212, an insurer 53-6; a bank that does not solicit is told it is policy."""
    for code in [code for code, of in book.reasons if of == rule]:
        assert book.reason(code, rule, "post-office").citation == IN_234_A
        assert book.reason(code, rule, "regional-bank").citation == IN_212_A
        assert book.reason(code, rule, "life-insurer").citation.startswith("保険業法施行規則第53条の6")
        assert book.reason(code, rule, "agency-a").severity == "policy"
        assert book.reason(code, rule, None).severity == "policy"
        expected = "policy" if rule == "WALL-12" else "duty"
        assert book.reason(code, rule, "post-office").severity == expected
        assert book.reason(code, rule, "life-insurer").severity == "duty"


@pytest.mark.parametrize(
    ("code", "rule", "organization", "severity", "citation"),
    [
        ("consent.missing", "WALL-1", "post-office", "duty", IN_234_A),
        ("consent.missing", "WALL-1", "other-insurer", "duty", IN_53_6),
        ("consent.missing", "WALL-1", "savings-bank", "policy", "日本郵便「非公開金融情報の不適切な利用について」1(2)"),
        ("consent.missing", "WALL-2", "post-office", "duty", "保険業法施行規則第234条第1項第18号ロ"),
        ("consent.missing", "WALL-2", "regional-bank", "duty", "保険業法施行規則第212条第2項第1号ロ"),
        ("consent.missing", "WALL-3", "post-office", "policy", "日本郵便「非公開金融情報の不適切な利用について」1(1)"),
        ("consent.missing", "WALL-15", "savings-bank", "policy", "日本郵便「非公開金融情報の不適切な利用について」1(1)"),
        ("consent.electronic_not_accepted", "WALL-12", "life-insurer", "duty", "保険業法施行規則第53条の6第2項から第4項まで"),
        ("purpose.outside_specified", "PURP-1", "post-office", "duty", "個人情報の保護に関する法律第18条第1項"),
        ("purpose.outside_specified", "PURP-1", None, "duty", "個人情報の保護に関する法律第18条第1項"),
        ("consent.missing", "PROV-1", "savings-bank", "duty", "個人情報の保護に関する法律第27条第1項"),
    ],
)  # fmt: skip
def test_severity_and_citation(
    book: Rulebook, code: str, rule: str, organization: str | None, severity: str, citation: str
) -> None:
    """Duty where the source obliges the requester, policy where the rule is carried over to it."""
    reason = book.reason(code, rule, organization)
    assert (reason.severity, reason.citation) == (severity, citation)


def test_efforts_bind_the_servicer_alone_and_duties_win(book: Rulebook) -> None:
    """SV's こととする is an effort of the servicer and policy for others; where the Act obliges as well, duty wins."""
    for code, rule in (("consent.bundled", "PROV-2"), ("consent.scope_recipient", "PROV-1")):
        assert book.reason(code, rule, "servicer").severity == "effort"
        assert book.reason(code, rule, "savings-bank").severity == "policy"
    assert book.reason("consent.missing", "PROV-1", "servicer").severity == "duty"
    for organization in ("servicer", "savings-bank", None):
        assert book.reason("purpose.ended", "PURP-7", organization).severity == "effort"
    assert book.reason("requester.purpose_of_other_business", "ACC-4", "life-insurer").severity == "policy"


@pytest.mark.parametrize(
    ("code", "rule", "kind"),
    [
        ("request.unknown_item", "REQ-1", "unknown"),
        ("request.unknown_agreement", "REQ-1", "unknown"),
        ("request.invalid", "REQ-2", "invalid"),
        ("request.no_basis", "REQ-3", "refused"),
        ("consent.state_stale", "REQ-4", "unavailable"),
        ("consent.position_not_reached", "REQ-4", "unavailable"),
        ("subject.too_many_events", "REQ-4", "unavailable"),
        ("request.id_reused", "REQ-4", "invalid"),
        ("request.misrouted", "REQ-4", "invalid"),
        ("consent.missing", "WALL-1", "refused"),
    ],
)
def test_kinds_tell_a_gap_from_a_breach(book: Rulebook, code: str, rule: str, kind: str) -> None:
    """Unknown, invalid and unavailable are told apart from what the rules forbid."""
    assert book.reason(code, rule, "post-office").kind == kind


def test_a_policy_rule_can_be_switched_off_for_an_organization(texts: dict[str, str]) -> None:
    """WALL-15 is the group's policy: it may be off for the savings bank."""
    changed = {**texts, "persons.yaml": texts["persons.yaml"].replace(
        "switched_off: {}", "switched_off: {WALL-15: [savings-bank], ACC-4: [agency-a]}")}  # fmt: skip
    assert compile_sources(changed).book.switched_off == {("WALL-15", "savings-bank"), ("ACC-4", "agency-a")}


@pytest.mark.parametrize(
    ("switched", "said"),
    [
        (
            "WALL-1: [post-office]",
            "WALL-1 is a duty for post-office and cannot be switched off (only policy can)",
        ),
        ("PROV-2: [servicer]", "PROV-2 is an effort for servicer and cannot be switched off"),
        ("PROV-1: [savings-bank]", "PROV-1 is a duty for savings-bank"),
        ("REQ-3: [agency-a]", "REQ-3 is a condition of the gate itself and cannot be switched off"),
        ("WALL-51: [agency-a]", '"WALL-51" is no rule of this rulebook (nearest known: WALL-'),
        ("WALL-15: [agency-b]", '"agency-b" is no organization of this rulebook (nearest known: agency-a)'),
    ],
)
def test_what_cannot_be_switched_off(slip: Slip, texts: dict[str, str], switched: str, said: str) -> None:
    """A duty or an effort, a condition of the gate, an unknown rule or organization: a problem at its line."""
    (problem,) = slip(("persons.yaml", "switched_off: {}", f"switched_off: {{{switched}}}"))
    line = texts["persons.yaml"][: texts["persons.yaml"].index("switched_off")].count("\n") + 1
    assert problem.startswith(f"persons.yaml:{line}: ")
    assert said in problem


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("rules/wall.yaml", "consent.undated:", "consent.undatd:", 'WALL-9 lacks the text of its reason "consent.undated"'),
        ("rules/wall.yaml", "consent.undated:", "consent.undatd:", 'WALL-9 has no reason "consent.undatd" (nearest'),
        ("rules/wall.yaml", "basis.not_non_public:", "basis.non_public:", 'WALL-5 lacks the text of its basis'),
        ("rules/wall.yaml", "obtain_written_consent:", "obtain_consent:", "WALL-11 lacks the text of its obligation"),
        ("rules/req.yaml", "「{field}」が", "「{feld}」が", "unknown placeholder {feld} (nearest known: field)"),
        ("rules/susp.yaml", "    otherwise: 債権", "    note: 債権", 'unknown key "note"'),
        ("rules/acc.yaml", "    sources: []\n    otherwise", "    sources: []\n    effective_until: 2020-01-01\n"
         "    effective_from: 2021-01-01\n    otherwise", "2020-01-01 lies before 2021-01-01"),
        ("rules/wall.yaml", "- {binds: bank, severity", "- {binds: bank_agent, severity", 'two sources bind "bank_agent"'),
        ("rules/purp.yaml", "- {binds: all, severity: effort", "- {binds: insurer, severity: effort",
         "no citation for whom no source binds"),
        ("rules/purp.yaml", "  PURP-7:\n    says:", "  PURP-7:\n    otherwise: x\n    says:", "nobody is told `otherwise`"),
    ],
)  # fmt: skip
def test_slips_in_rules_are_told(slip: Slip, file: str, old: str, new: str, said: str) -> None:
    """Missing, misspelt and surplus texts, placeholders and citations are problems of the rule's own file."""
    problems = slip((file, old, new))
    assert [problem for problem in problems if said in problem and problem.startswith(f"{file}:")], problems


def test_a_family_that_does_not_stand_may_have_its_data(texts: dict[str, str]) -> None:
    """Data of a family without code is no problem: it decides nothing, which the check notes."""
    rule = (
        "rules:\n  NEW-4:\n    says: {ja: 外国, en: abroad}\n    sources: []\n    otherwise: 法第28条\n"
        "    reasons:\n      new.consent_required:\n"
        "        message: {ja: 必要です。, en: Needed.}\n        remedy: {ja: 得てください。, en: Obtain it.}\n"
    )
    assert ("new.consent_required", "NEW-4") in compile_sources({**texts, "new.yaml": rule}).book.reasons
    with pytest.raises(RulebookError, match=r'WALL-99 has no reason "new\.consent_required"'):
        compile_sources({**texts, "new.yaml": rule.replace("NEW-4", "WALL-99")})
