"""The cases' files: what is wrong with one is told by file and line; templates, moves and differences."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from cases.on_the_core import all_cases, answer
from sekisho.rulebook import RulebookError
from sekisho.rulebook.cases import Case, compare, expand, load_cases, shift

TEMPLATES = """\
sources:
  S: {document: RB, section: s, sentence: t}
requests:
  plain: {set: {holder: savings-bank, items: [a.b], activity: {kind: inquiry, mode: none}}}
  more: {base: plain, set: {activity: {mode: mail}}}
events:
  stop: {type: suspension.ordered.v1, set: {suspension_id: ST-1, items: null, ordered_at: "2026-11-01T09:00:00+09:00"}}
  stop-later: {base: stop, set: {ordered_at: "2026-11-02T09:00:00Z"}}
records: {}
"""
CASE = """\
cases:
  - id: one
    rule: REQ-3
    direction: deny
    title: {ja: 一, en: one}
    source: S
    request: {base: more, set: {items: []}}
    expect: {effect: deny, reasons: [request.no_basis REQ-3]}
"""


def loaded(folder: Path, case: str = CASE, templates: str = TEMPLATES) -> list[Case]:
    """The cases of a folder with these two files."""
    (folder / "templates.yaml").write_text(templates, encoding="utf-8")
    (folder / "some.yaml").write_text(case, encoding="utf-8")
    return load_cases(folder)


def test_a_case_is_complete_once_loaded(tmp_path: Path) -> None:
    """Templates are merged field by field; ids of person, request and events are the case's own."""
    events = "    events: [{base: stop-later, remove: [items]}]\n    request"
    (case,) = loaded(tmp_path, CASE.replace("    request", events, 1))
    document = expand(case)
    assert document["at"] == "2026-11-21T10:00:00+09:00"
    request = document["request"]
    assert (request["holder"], request["items"]) == ("savings-bank", [])
    assert request["activity"] == {"kind": "inquiry", "mode": "mail"}
    assert request["subject"] == {"id": "C-one", "kind": "individual"}
    (event,) = document["events"]
    assert event["type"] == "sekisho.suspension.ordered.v1"
    assert "items" not in event["data"]
    assert event["data"]["ordered_at"] == "2026-11-02T09:00:00Z"
    assert event["data"]["subject_id"] == "C-one"
    assert case.place == "some.yaml:2"


def test_what_is_done_to_a_document_does_not_touch_the_case(tmp_path: Path) -> None:
    """`expand` gives a copy."""
    (case,) = loaded(tmp_path)
    expand(case)["request"]["items"].append("x.y")
    assert expand(case)["request"]["items"] == []


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("    rule: REQ-3", "    ruel: REQ-3", 3, 'ruel.*nearest known: rule'),
        ("    rule: REQ-3\n", "", 2, "rule: Field required"),
        ("direction: deny", "direction: perhaps", 4, "direction"),
        ("source: S", "source: T", 2, 'no source "T"'),
        ("base: more", "base: mor", 2, r'no request "mor".*more'),
        ("set: {items: []}", "remove: [activity.list_name]", 2, "nothing at .*activity.list_name"),
        ("effect: deny,", "effect: deny, items: [{a.b: {}}],", 8, "say either allow"),
        ("    source: S\n", "    source: S\n    against: two\n", 2, "against names no other case"),
        ("    request", "    events: [{set: {}}]\n    request", 2, "event 1 has no type"),
        ("en: one", "en: one}", 5, "not readable as YAML"),
        ("    rule: REQ-3", "    rule: REQ-3\n    rule: REQ-1", 4, "stands here twice"),
        ("request.no_basis REQ-3", "request.no_basis", 8, "pattern"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, message: str
) -> None:
    """Each mistake is one problem at its place, naming what was meant where that is clear."""
    assert old in CASE
    with pytest.raises(RulebookError) as caught:
        loaded(tmp_path, CASE.replace(old, new, 1))
    told = [str(problem) for problem in caught.value.problems]
    assert any(re.search(rf"^some\.yaml:{line}: .*{message}", each) for each in told), told


def test_an_id_stands_once(tmp_path: Path) -> None:
    """Two cases of one id are a problem that names both places."""
    with pytest.raises(RulebookError, match=r"some\.yaml:9: one stands twice \(first in some\.yaml:2\)"):
        loaded(tmp_path, CASE + CASE.removeprefix("cases:\n"))


def test_a_file_brings_its_own_sources_and_templates(tmp_path: Path) -> None:
    """Every file may hold every section; names are known in all files, whatever their order."""
    own = """\
sources:
  OWN: {document: RB, section: s, sentence: t}
requests:
  mine: {base: plain, set: {activity: {mode: phone}}}
"""
    case = own + CASE.replace("source: S", "source: OWN").replace("base: more", "base: mine")
    (tmp_path / "another.yaml").write_text(
        CASE.replace("id: one", "id: two").replace("base: more", "base: mine")
    )
    by_id = {each.id: each for each in loaded(tmp_path, case)}
    assert by_id["one"].request["activity"]["mode"] == by_id["two"].request["activity"]["mode"] == "phone"


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("sources:\n  S: {document: RB, section: s, sentence: t}\n", 2),
        ("requests:\n  other: {}\n  more: {}\n", 3),
        ("events:\n  stop: {type: consent.granted.v1}\n", 2),
    ],
)
def test_a_name_stands_once_in_all_files(tmp_path: Path, section: str, line: int) -> None:
    """A name that two files give is a problem at the second, which tells where the first stands."""
    (tmp_path / "zz.yaml").write_text(section, encoding="utf-8")
    with pytest.raises(
        RulebookError, match=rf"zz\.yaml:{line}: .* stands twice \(first in templates\.yaml:\d"
    ):
        loaded(tmp_path)


def test_a_file_of_cases_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    """It is told with its name, not raised as an error of the reader."""
    (tmp_path / "latin.yaml").write_bytes(b"cases: [\xe9]")
    with pytest.raises(RulebookError, match=r"latin\.yaml:1: not UTF-8"):
        loaded(tmp_path)


def test_templates_that_lead_in_a_circle_are_a_problem(tmp_path: Path) -> None:
    """A template cannot rest on itself."""
    with pytest.raises(RulebookError, match="no request"):
        loaded(tmp_path, templates=TEMPLATES.replace("plain: {set", "plain: {base: more, set"))


def test_a_move_there_and_back_changes_nothing() -> None:
    """Moving by days and back gives the case itself."""
    assert [shift(shift(case, 466), -466) for case in all_cases()] == list(all_cases())


def test_a_move_takes_every_day_and_time_along() -> None:
    """Request, events and expectations move by whole days; the time of day stays."""
    case = next(each for each in all_cases() if each.id == "record-batch-last")
    moved = shift(case, 30)
    assert moved.at == "2026-12-21T10:00:00+09:00"
    assert moved.request["requested_at"] == moved.at
    assert moved.request["record"]["last_provision"] == "2026-12-21"
    assert moved.events[0]["data"]["given_at"] == "2026-10-31T09:30:00+09:00"
    assert moved.record is not None
    assert (moved.record["provided_on"], moved.record["retain_until"]) == ("2026-12-21", "2029-12-20")


def test_every_difference_is_told() -> None:
    """Nothing of an answer can differ without a line that says so."""
    case = next(each for each in all_cases() if each.id == "wall-1-provide-with-both")
    decision, record = answer(case)
    assert compare(case, decision, record) == []
    for field, other in (
        ("effect", "deny"), ("items", []), ("reasons", [{"code": "a.b", "rule": "X-1", "message": {"ja": "", "en": ""}, "remedy": {"ja": "", "en": ""}}]),
        ("near_misses", [{"consent_id": "XS-9", "failed": ["consent.expired"]}]), ("near_misses_total", 3), ("obligations", [{"code": "o", "rule": "X-1"}]),
        ("consents", []), ("record_exemption", "law"), ("record_id", None),
    ):  # fmt: skip
        assert compare(case, {**decision, field: other}, record), field
    assert record is not None
    for field in ("basis", "method", "provided_on", "first_provision", "last_provision", "controller", "direction", "counterparty", "items", "agreement", "document", "retain_until", "retention_rule"):  # fmt: skip
        assert compare(case, decision, {**record, field: "another"}), field
    assert compare(case, decision, None)
    without_consent = copy.deepcopy(record)
    without_consent["consent"]["statement"] = "同意あり"
    assert compare(case, decision, without_consent)
