"""What `check` finds beyond what compiling refuses: each mistake as one more file beside the sample rulebook."""

from __future__ import annotations

from pathlib import Path

import pytest

from sekisho.rulebook import Report, check

ENTRUSTED = (
    "controller: savings-bank, trustee: post-office, items: [attribute], purposes: [savings.solicitation]"
)
BATCH = "provider: savings-bank, recipient: life-insurer, purpose: insurance.administration"
NOTICE = (
    "states_joint_use: true, items: [customer.name], users: [savings-bank, life-insurer], purposes: [statistics.internal], "
    "responsible: {organization: savings-bank, address: 東京都千代田区1-1, representative: 代表 太郎}"
)
RULE = "sources: [{binds: all, severity: policy, citation: 本ルールブックの方針}]"
TEXT = "{ja: 説明, en: words}"

PROBLEMS = [
    # (a further file, line of the problem, what is said)
    (f"entrustments:\n  AG-99: {{{ENTRUSTED}, valid_from: 2026-01-01}}", 2,
     "AG-99 and AG-2 overlap: both entrust customer.address, customer.birth_date, customer.name and 3 more for savings.solicitation to post-office"),
    ("entrustments:\n  AG-99: {controller: life-insurer, trustee: data-entry-co, sub_trustees: [data-entry-co], items: [insurance.premium],"
     " purposes: [insurance.administration], valid_from: 2026-01-01}", 2, '"data-entry-co" is a party of AG-99 already'),
    (f"batch_agreements:\n  AG-99: {{{BATCH}, items: [savings.balance], first_provision: 2026-12-01}}", 2,
     "AG-99 and AG-6 overlap: the same parties, purpose and savings.balance"),
    ("batch_agreements:\n  AG-99: {provider: servicer, recipient: servicer, purpose: debt.collection, items: [customer.name],"
     " first_provision: 2026-12-01}", 2, "AG-99: servicer provides to itself"),
    ("successions:\n  SUC-9: {predecessor: former-bank, successor: regional-bank, effective_on: 2025-10-01}", 2,
     "of former-bank to regional-bank and to savings-bank"),
    ("successions:\n  SUC-9: {predecessor: servicer, successor: servicer, effective_on: 2025-10-01}", 2, "servicer cannot succeed itself"),
    ("successions:\n  SUC-9: {predecessor: servicer, successor: life-insurer, holder: savings-bank/former-bank, effective_on: 2025-10-01}",
     2, '"savings-bank/former-bank" is no holder id of life-insurer'),
    (f"joint_uses:\n  JU-9: {{published_on: 2026-10-01, {NOTICE}}}", 2,
     "JU-9 and JU-1 overlap: both open customer.name for statistics.internal to life-insurer, savings-bank"),
    ("opt_outs:\n  OO-9: {holder: savings-bank, items: [customer.sex], notified_on: 2026-05-01, open_from: 2026-05-01}", 2,
     "there is no waiting period"),
    ("opt_outs:\n  OO-9: {holder: savings-bank, items: [customer.name], notified_on: 2026-05-01, open_from: 2026-06-01}", 2,
     "OO-9 and OO-2 overlap: both notify customer.name of savings-bank"),
    ("opt_outs:\n  OO-9: {holder: servicer, side_business: debt.collection, items: [customer.sex], notified_on: 2026-05-01,"
     " open_from: 2026-06-01}", 2, '"debt.collection" is no side business'),
    ("equivalent_systems:\n  ES-9: {recipient: overseas-ops-sg, by: contract, reviewed_on: 2020-05-01, period_months: 12}", 2,
     "ES-9 and ES-1 are both of overseas-ops-sg"),
    ("related_purposes:\n  REL-9: {organization: savings-bank, from: savings.maturity_notice, to: savings.solicitation,"
     " published_on: 2020-04-01}", 2, "REL-9 and REL-1 declare the same relation"),
    ("related_purposes:\n  REL-9: {organization: savings-bank, from: savings.solicitation, to: savings.solicitation,"
     " published_on: 2020-04-01}", 2, '"savings.solicitation" is related to itself'),
    ("moratoria:\n  MO-9: {organizations: [post-office], activities: [visit_invitation], start: 2026-01-01}", 2,
     "MO-9 and MO-1 stop the same at the same time"),
    ("moratoria:\n  MO-9: {organizations: [savings-bank], systems: [savings-crm], start: 2026-01-01}", 2,
     "MO-9 stops nothing: savings-crm is no system of savings-bank"),
    ("ended_purposes:\n  END-9: {holder: servicer/bid-2026-07, items: [customer.name], purposes: [debt.due_diligence], since: 2027-09-30}", 2,
     "END-9 and END-1 both end debt.due_diligence of servicer/bid-2026-07: on 2027-09-30 and on 2026-09-30"),
    ("specified_purposes:\n  agency-a:\n    - {items: [npii], purposes: [insurance.solicitation]}\n"
     "    - {items: [insurance.policy], purposes: [insurance.solicitation], provider: life-insurer}", 4,
     "insurance.policy of agency-a has insurance.solicitation for life-insurer alone, and in another row for every provider"),
    ("specified_purposes:\n  university:\n    - {items: [customer.name], purposes: [statistics.internal], received_under: AG-1}", 3,
     "AG-1 gives nothing to university"),
    ("organizations:\n  branch-uk: {type: contractor, name: n, country: UK}", 2, '"UK" is no country (ISO 3166) (did you mean GB?)'),
    ("organizations:\n  lender: {type: insurer, regime: bank, name: n, country: JP}", 2,
     "lender is a insurer, but its regime is bank"),
    ("organizations:\n  bureau: {type: credit_bureau, partners: [bureau], name: n, country: JP}", 2, "bureau is a partner of itself"),
    ("adequate_countries:\n  more: {countries: [EL]}", 2, '"EL" is no country (ISO 3166) (did you mean GR?)'),
    ("statutes:\n  税理士法: {permits: [38条]}", 2, '"38条" names no article of 税理士法'),
    ("sensitive_grounds:\n  academic:\n    grounds: {subject_request: {}}", 3, "subject_request is no ground for sensitive information"),
    ("sensitive_grounds:\n  academic:\n    grounds: {business_consent: {specified_purpose: true}}", 3,
     "business_consent of academic asks for no consent"),
    ("sensitive_grounds:\n  academic:\n    grounds: {biometric_identification: {items: [sensitive.biometric]}}", 3,
     "biometric_identification of academic asks for no consent"),
    ("sensitive_grounds:\n  academic:\n    grounds: {identification_document: {}}", 3, "covers every sensitive item"),
    ("amendments:\n  A-9: {statute: 法, promulgated_on: 2026-07-17, in_force_from: 2026-01-01}", 2, "before it was promulgated"),
    (f"rules:\n  SUSP-9:\n    says: {{ja: 説明だけ, en: '説明だけ a'}}\n    {RULE}", 3, 'no English text: "説明だけ a"'),
    (f"rules:\n  SUSP-9:\n    says: {{ja: only words, en: words}}\n    {RULE}", 3, 'no Japanese text: "only words"'),
    (f"rules:\n  SUSP-9:\n    says: {{ja: '{{field}}の説明', en: words of it}}\n    {RULE}", 3, "{field} stands in one language alone"),
    (f"rules:\n  SUSP-9:\n    says: {{ja: '{{field}}の説明', en: 'words of {{field}}'}}\n    {RULE}", 3, "{field} is never filled in here"),
]  # fmt: skip

NOTES = [
    ("organizations:\n  shop: {type: other, name: n, country: JP, businesses: {deposit: [customer.name]}}", 2,
     "shop has businesses but no system: it can never ask"),
    ("organizations:\n  shop: {type: other, name: n, country: JP, businesses: {deposit: [customer.name]}, systems: {till: {}}}", 2,
     "shop has no operator and no automatic system: it can never ask"),
    ("operators:\n  op-9: {organization: police}", None, "police has operators but no business"),
    ("organizations:\n  mutual: {type: insurer, name: n, country: JP}", 2, "mutual is a insurer without a regime"),
    ("organizations:\n  broker: {type: agency, name: n, country: JP, agent_for: [savings-bank]}", 2,
     "broker is an agent for savings-bank, which is no insurer"),
    ("organizations:\n  bureau-3: {type: credit_bureau, partners: [credit-bureau], name: n, country: JP}", 2,
     "credit-bureau does not name bureau-3 as its partner in turn"),
    ("organizations:\n  lab: {type: other, name: n, country: JP, joint_research: {savings-bank: {since: 2026-01-01}}}", 2,
     "lab is no academic institution: its joint research opens nothing"),
    ("operators:\n  op-9: {organization: post-office, items: [loans.borrowing, card.number]}", 2, "op-9 may never ask for card.number"),
    ("businesses:\n  leasing: {name: {ja: リース, en: leasing}}", 2, 'the business "leasing" has no purpose'),
    ("businesses:\n  leasing: {name: {ja: リース, en: leasing}}", 2, 'no organization has the business "leasing"'),
    ("items:\n  customer.email: {class: attribute, name: {ja: email, en: email}}", 2, 'no Japanese text: "email"'),
    ("businesses:\n  leasing: {name: {ja: リース, en: leasing}}\npurposes:\n  leasing.offer: {business: leasing, name: {ja: 案内, en: offer}}\n"
     "specified_purposes:\n  university:\n    - {items: [customer.name], purposes: [leasing.offer]}", 7,
     "no organization's business may ask for leasing.offer"),
    ("holders:\n  university/survey: {name: {ja: 調査, en: survey}}", 2, "university/survey has no specified purposes"),
    ("ended_purposes:\n  END-9: {holder: university, purposes: [debt.due_diligence], since: 2027-09-30}", 2,
     "university never specified debt.due_diligence"),
    ("entrustments:\n  AG-99: {controller: life-insurer, trustee: overseas-ops-us, items: [insurance.premium],"
     " purposes: [insurance.administration], valid_from: 2026-01-01}", 2, "overseas-ops-us is abroad (US): AG-99 opens nothing there"),
    ("entrustments:\n  AG-99: {controller: life-insurer, trustee: university, items: [insurance.premium],"
     " purposes: [insurance.administration], valid_from: 2026-01-01}", 2, "no business of university may ask for insurance.administration"),
    ("joint_uses:\n  JU-9: {published_on: 2026-10-01, users: [university]}", 2, "JU-9 names one user alone"),
    ("joint_uses:\n  JU-9: {published_on: 2026-10-01, users: [university, police], responsible: {organization: servicer, address: 大阪}}", 2,
     "servicer is responsible, but no user of JU-9"),
    ("joint_uses:\n  JU-9: {published_on: 2026-10-01, users: [university, police], responsible: {organization: servicer, address: 大阪}}", 2,
     "JU-9 gives another address of servicer than its registration: 東京都千代田区1-1"),
    ("opt_outs:\n  OO-9: {holder: university, items: [sensitive.race], notified_on: 2026-05-01, open_from: 2026-06-01}", 2,
     "sensitive.race can never be provided under opt-out"),
    ("opt_outs:\n  OO-9: {holder: servicer, items: [customer.sex], notified_on: 2026-05-01, open_from: 2026-06-01}", 2,
     "OO-9 names no side business"),
    ("opt_outs:\n  OO-9: {holder: credit-bureau, items: [customer.sex], notified_on: 2026-05-01, open_from: 2026-06-01}", 2,
     "a credit bureau provides nothing under opt-out"),
    ("equivalent_systems:\n  ES-9: {recipient: overseas-ops-de, by: contract, reviewed_on: 2026-05-01, period_months: 12}", 2,
     "overseas-ops-de is in an adequate country: ES-9 is not needed"),
    ("related_purposes:\n  REL-9: {organization: university, from: savings.maturity_notice, to: savings.solicitation,"
     " published_on: 2020-04-01}", 2, "university has not specified savings.maturity_notice: REL-9 opens nothing"),
    ("related_purposes:\n  REL-9: {organization: servicer, from: debt.collection, to: side_business.real_estate, published_on: 2020-04-01}",
     2, "REL-9 relates a side business to another business"),
    ("moratoria:\n  MO-9: {organizations: [savings-bank], systems: [savings-crm, web-bank], start: 2026-01-01}", 2,
     "savings-crm is no system of savings-bank"),
    ("dissolved:\n  lost-bank: {name: n, dissolved_on: 2026-01-01}", 2, "nobody has succeeded lost-bank"),
    ("presumed_consents:\n  P-9: {items: [sensitive.race], purposes: [debt.collection]}", 2, "P-9 presumes consent for sensitive items"),
    ("presumed_consents:\n  P-9: {items: [customer.name], purposes: [debt.collection]}", 2, "P-9 and CLAIM-1 both presume consent"),
    (f"joint_uses:\n  JU-9: {{published_on: 2026-10-01, {NOTICE.replace('customer.name', 'customer.sex')}, changes: [{{since: 2026-10-02, add_purposes: [complaint.handling]}}]}}",
     2, "this change of JU-9 was never notified"),
    (f"joint_uses:\n  JU-9: {{published_on: 2026-10-01, {NOTICE.replace('customer.name', 'customer.sex')}, changes: [{{since: 2026-10-02, add_users: [university]}}]}}",
     2, "JU-9 takes in university later"),
    ("batch_agreements:\n  AG-99: {provider: savings-bank, recipient: unlicensed-lender, purpose: savings.solicitation, items: [customer.name],"
     " first_provision: 2026-12-01}", 2, "unlicensed-lender is on a prohibited list: AG-99 opens nothing to it"),
    ("display:\n  MASK-9: {item: customer.name, visible_last: 1}", 2, "customer.name is no card item: MASK-9 masks nothing"),
    (f"rules:\n  ZZZ-1:\n    says: {TEXT}\n    {RULE}\n    effective_until: 2020-01-01", 2, "this release has no family for ZZZ-1"),
    (f"rules:\n  ZZZ-1:\n    says: {TEXT}\n    {RULE}\n    effective_until: 2020-01-01", 5, "ZZZ-1 is no longer in force since 2020-01-01"),
    (f"rules:\n  ZZZ-1:\n    says: {TEXT}\n    {RULE}\n    effective_from: 2030-01-01", 5, "ZZZ-1 is not in force before 2030-01-01"),
]  # fmt: skip


def _with(folder: Path, texts: dict[str, str], more: str) -> Report:
    for name, text in {**texts, "zz.yaml": f"{more}\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return check(folder)


@pytest.mark.parametrize(("more", "line", "said"), PROBLEMS)
def test_what_contradicts_itself_or_opens_too_much_is_a_problem(
    tmp_path: Path, texts: dict[str, str], more: str, line: int, said: str
) -> None:
    """It is told at its line, beside what is otherwise a valid rulebook, and the check fails."""
    report = _with(tmp_path, texts, more)
    assert report.exit_code == 1
    told = [str(problem) for problem in report.problems]
    assert any(each.startswith(f"zz.yaml:{line}: ") and said in each for each in told), told
    assert all(each.startswith("zz.yaml:") for each in told), told


@pytest.mark.parametrize(("more", "line", "said"), NOTES)
def test_what_opens_or_serves_nothing_is_noted(
    tmp_path: Path, texts: dict[str, str], more: str, line: int | None, said: str
) -> None:
    """It is told at its line (or at what it concerns), and the check passes."""
    report = _with(tmp_path, texts, more)
    assert (report.exit_code, report.problems) == (0, ())
    where = "" if line is None else f"zz.yaml:{line}: "
    told = [str(note) for note in report.notes]
    assert any(each.startswith(where) and said in each for each in told), told


def test_what_is_switched_off_is_noted(tmp_path: Path, texts: dict[str, str]) -> None:
    """Nothing that opens access passes silently, though it may."""
    name = next(name for name, text in texts.items() if "\nswitched_off: {}" in text)
    changed = {
        **texts,
        name: texts[name].replace("switched_off: {}", "switched_off: {WALL-15: [savings-bank]}"),
    }
    report = _with(tmp_path, changed, "dissolved: {}")
    assert (report.exit_code, report.problems) == (0, ())
    assert "WALL-15 is switched off for savings-bank" in [note.message for note in report.notes]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("guardian_under: 16", "guardian_under: 0", "no minor needs a guardian's consent"),
        ("[adult_ward, curatee, assisted]", "[adult_ward]", "assisted, curatee consent without a guardian"),
        (
            "display:\n  MASK: {item: card.number, visible_last: 4}",
            "display: {}",
            "nothing masks card.expiry, card.number",
        ),
    ],
)
def test_what_opens_to_all_is_noted(
    tmp_path: Path, texts: dict[str, str], old: str, new: str, said: str
) -> None:
    """Nobody's guardian asked, no card number masked: it may be, but not silently."""
    name = next(name for name, text in texts.items() if old in text)
    report = _with(tmp_path, {**texts, name: texts[name].replace(old, new)}, "dissolved: {}")
    assert (report.exit_code, report.problems) == (0, ())
    assert any(said in note.message for note in report.notes)


def test_terms_that_contradict_each_other(tmp_path: Path, texts: dict[str, str]) -> None:
    """A term cannot imply solicitation and be ambiguous, whatever its width; one that contains an implied one is noted."""
    old = "ambiguous: [相談会,"
    twice = {
        **texts,
        "terms.yaml": texts["terms.yaml"]
        .replace(old, f"{old} ﾎｹﾝ, ホケン,")
        .replace("implied: [", "implied: [ホケン, "),
    }
    told = [str(problem) for problem in _with(tmp_path, twice, "dissolved: {}").problems]
    assert any('"ﾎｹﾝ" is both' in each and each.startswith("terms.yaml:") for each in told), told
    within = {**texts, "terms.yaml": texts["terms.yaml"].replace(old, f"{old} 保険相談会,")}
    report = _with(tmp_path, within, "dissolved: {}")
    assert '"保険相談会" contains "保険", so it always implies solicitation' in [
        note.message for note in report.notes
    ]


def test_the_statement_of_a_record_names_its_consents(tmp_path: Path, texts: dict[str, str]) -> None:
    """A record states which consent is held (ER 20(1)(ii)イ): without the placeholder it could not."""
    slip = (
        texts["rulebook.yaml"]
        .replace("同意番号 {consents}", "同意番号")
        .replace("consent {consents}", "consent")
    )
    told = [
        str(problem)
        for problem in _with(tmp_path, {**texts, "rulebook.yaml": slip}, "dissolved: {}").problems
    ]
    assert any("the statement does not name the consents" in each for each in told), told


def test_further_findings_are_told_with_what_does_not_resolve(tmp_path: Path, texts: dict[str, str]) -> None:
    """An unknown id hides no contradiction elsewhere."""
    more = (
        f"entrustments:\n  AG-99: {{{ENTRUSTED}, valid_from: 2026-01-01}}\n"
        "prohibited:\n  LIST-9: {organizations: [polise]}"
    )
    told = [str(problem) for problem in _with(tmp_path, texts, more).problems]
    assert len(told) == 2
    assert "AG-99 and AG-2 overlap" in told[0]
    assert '"polise" is no organization of this rulebook (nearest known: police)' in told[1]


CASE = """\
sources:
  S: {document: RB, section: s, sentence: t}
cases:
  - id: one
    rule: REQ-3
    direction: deny
    title: {ja: 一, en: one}
    source: S
    request: {set: {holder: savings-bank, items: []}}
    expect: {effect: deny, reasons: [request.no_basis REQ-3]}
"""


def _with_cases(folder: Path, texts: dict[str, str], cases: str) -> Report:
    (folder / "cases").mkdir()
    (folder / "cases" / "some.yaml").write_text(cases, encoding="utf-8")
    return _with(folder, texts, "dissolved: {}")


def test_what_no_case_shows_is_noted(tmp_path: Path, texts: dict[str, str]) -> None:
    """A rule without a case, a direction and a code that none shows; each at its place in the rules."""
    report = _with_cases(tmp_path, texts, CASE)
    assert (report.exit_code, report.problems) == (0, ())
    assert report.counts is not None
    assert report.counts["case"] == 1
    told = {(note.file, note.message) for note in report.notes}
    assert ("rules/wall.yaml", "WALL-8 has no case") in told
    assert ("rules/req.yaml", "no case shows what REQ-3 lets pass") in told
    assert not any("REQ-4" in message for _, message in told), "only a gate can decide by REQ-4"


def test_without_a_folder_of_cases_none_is_missed(tmp_path: Path, texts: dict[str, str]) -> None:
    """A rulebook need not have cases."""
    assert not any("case" in note.message for note in _with(tmp_path, texts, "dissolved: {}").notes)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("rule: REQ-3", "rule: WALLL-8", 4, 'one: "WALLL-8" is no rule of this rulebook'),
        ("rule: REQ-3", "rule: WALLL-8", 4, "nearest known: WALL-8"),
        ("request.no_basis REQ-3", "request.no_bases REQ-3", 4, 'one: "request.no_bases" is no code of this rulebook (nearest known: request.no_basis'),
        ("source: S", "source: T", 4, 'no source "T"'),
        ("rule: REQ-3", "ruel: REQ-3", 5, "nearest known: rule"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_case_is_a_problem(
    tmp_path: Path, texts: dict[str, str], old: str, new: str, line: int, said: str
) -> None:
    """A case that names what the rulebook does not have could never hold."""
    report = _with_cases(tmp_path, texts, CASE.replace(old, new))
    assert report.exit_code == 1
    told = [str(problem) for problem in report.problems]
    assert any(each.startswith(f"cases/some.yaml:{line}: ") and said in each for each in told), told
