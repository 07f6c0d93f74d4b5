"""`sekisho decide`: one decision a document, as the gate would give it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run

Write = Callable[..., str]


def decisions(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def yaml_of(document: dict[str, Any]) -> str:
    """JSON is YAML; a tag line makes the reader take it for YAML."""
    return "---\n" + json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def test_an_allowed_request_prints_one_line_with_basis_positions_and_no_record(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """A consented list is allowed: request position null, consent position without partition, offset N events."""
    result = run("decide", write(document))
    assert result.exit_code == 0
    (decision,) = decisions(result.stdout)
    assert decision["effect"] == "allow"
    assert decision["request_position"] is None
    assert decision["consent_position"] == {"partition": None, "offset": 1}
    assert decision["consents"] == [
        {
            "consent_id": "CS-1",
            "position": {"partition": None, "offset": 0},
            "serves": ["savings.maturity_date"],
        }
    ]
    assert decision["decided_at"] == "2026-11-21T01:00:00.000000Z"
    assert decision["record"] is None


def test_a_provision_on_consent_prints_its_record(run: Run, write: Write, document: dict[str, Any]) -> None:
    """The record stands under "record", kept three years, with the consent that it rests on."""
    insurer = {
        "id": "life-insurer",
        "name": "life-insurer 株式会社",
        "contact": "0120-000-000",
        "purpose": "insurance.underwriting",
    }
    consent = document["events"][0]["data"]
    consent.update(kind="provision", purposes=["insurance.underwriting"], recipients=[insurer])
    document["request"].update(
        action="provide",
        requester={"organization": "savings-bank", "business": "deposit", "system": "core-banking"},
        items=["savings.balance"],
        purpose="insurance.underwriting",
        product_provider=None,
        activity={"kind": "maintenance", "mode": "none"},
        recipient={
            "id": "life-insurer", "name": "life-insurer 株式会社", "address": "東京都千代田区1-1",
            "representative": "代表 太郎", "relation": "third_party", "country": "JP",
        },
    )  # fmt: skip
    result = run("decide", write(document))
    (decision,) = decisions(result.stdout)
    assert (decision["effect"], decision["reasons"]) == ("allow", [])
    record = decision["record"]
    assert record["record_id"] == decision["record_id"]
    assert record["basis"] == "provision.consent"
    assert record["retain_until"] == "2029-11-21"
    assert "CS-1" in record["consent"]["statement"]


def test_the_three_forms_give_the_same_bytes(run: Run, write: Write, document: dict[str, Any]) -> None:
    """YAML, JSON and JSON lines of the same document decide the same, from a file or stdin."""
    as_lines = run("decide", write(document)).stdout
    pretty = json.dumps(document, ensure_ascii=False, indent=2)
    assert run("decide", write(pretty, name="one.json")).stdout == as_lines
    assert run("decide", write(yaml_of(document), name="one.yaml")).stdout == as_lines
    assert run("decide", "-", stdin=pretty).stdout == as_lines
    assert run("decide", "-", stdin=json.dumps(document)).stdout == as_lines


def test_documents_are_independent_and_answered_in_order(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """The consent of the first document is unknown to the second; ids differ although the requests do not."""
    alone = {**document, "events": []}
    result = run("decide", write(yaml_of(document), yaml_of(alone), name="two.yaml"))
    first, second = decisions(result.stdout)
    assert (first["effect"], second["effect"]) == ("allow", "deny")
    assert "consent.missing" in [reason["code"] for reason in second["reasons"]]
    assert first["decision_id"] != second["decision_id"]


def test_a_misspelt_field_is_answered_by_a_deny_that_names_the_nearest(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """`anticipated_purpose` would open the wall if it went unnoticed: deny `request.invalid`, with no items."""
    document["request"]["anticipated_purpose"] = ["insurance.solicitation"]
    result = run("decide", write(document))
    assert result.exit_code == 0
    (decision,) = decisions(result.stdout)
    assert (decision["effect"], decision["items"]) == ("deny", [])
    (reason,) = decision["reasons"]
    assert (reason["code"], reason["kind"]) == ("request.invalid", "invalid")
    assert "anticipated_purpose" in reason["message"]["en"]
    assert "anticipated_purposes" in reason["remedy"]["en"]
    assert decision["circumstances"] == {"kind": "invalid", "code": "request.invalid"}


def test_a_key_that_stands_twice_is_invalid_as_it_is_on_the_wire(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """Readers differ on which of two equal keys counts, so a file's reader must not choose one silently."""
    text = json.dumps(document).replace('"purpose":', '"purpose": "savings.administration", "purpose":', 1)
    (decision,) = decisions(run("decide", write(text)).stdout)
    assert [reason["code"] for reason in decision["reasons"]] == ["request.invalid"]


def test_an_unreadable_request_gets_no_decision_and_is_told_with_its_line(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """As the gate writes a rejected event only: stderr names line 2, the other documents are answered, exit 1."""
    broken = {**document, "request": {"requested_at": "2026-11-21T10:00:00+09:00"}}
    path = write(document, broken, document)
    result = run("decide", path)
    assert result.exit_code == 1
    assert len(decisions(result.stdout)) == 2
    assert f"{path}:2: request rejected, unreadable" in result.stderr


def test_a_bad_event_is_rejected_and_the_others_count(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """An invalid consent event keeps its position, is told on stderr and changes nothing for the others; exit 1."""
    bad = {
        "type": "sekisho.consent.withdrawn.v1",
        "data": {"event_id": "EV-2", "subject_id": "C-000001", "withdrawn_at": "yesterday"},
    }
    document["events"].insert(0, bad)
    result = run("decide", write(document))
    assert result.exit_code == 1
    assert "events[0] rejected, invalid" in result.stderr
    (decision,) = decisions(result.stdout)
    assert decision["effect"] == "allow"
    assert decision["consent_position"] == {"partition": None, "offset": 2}
    assert decision["consents"][0]["position"]["offset"] == 1


def test_an_event_type_that_no_one_knows_is_rejected_with_the_nearest(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """A misspelt type is told with the type that is meant."""
    document["events"][0]["type"] = "sekisho.consent.grantd.v1"
    result = run("decide", write(document))
    assert result.exit_code == 1
    assert "sekisho.consent.granted.v1" in result.stderr


def test_the_first_of_an_event_id_wins(run: Run, write: Write, document: dict[str, Any]) -> None:
    """The same id with another content is rejected; with the same content it is the same event."""
    same = json.loads(json.dumps(document["events"][0]))
    other = json.loads(json.dumps(document["events"][0]))
    other["data"]["given_at"] = None
    document["events"] += [same, other]
    result = run("decide", write(document))
    assert result.stderr.count("rejected") == 1
    assert "events[2]" not in result.stdout
    assert "id_reused" in result.stderr
    assert decisions(result.stdout)[0]["effect"] == "allow"


def test_events_of_another_person_do_not_count(run: Run, write: Write, document: dict[str, Any]) -> None:
    """Consents are a person's own: another's serve nothing, as in the topic."""
    document["events"][0]["data"]["subject_id"] = "C-000002"
    (decision,) = decisions(run("decide", write(document)).stdout)
    assert decision["effect"] == "deny"


@pytest.mark.parametrize(("offset", "code"), [(0, None), (1, "consent.position_not_reached")])
def test_the_minimum_consent_position_is_honoured(
    run: Run, write: Write, document: dict[str, Any], offset: int, code: str | None
) -> None:
    """With N events given, the positions 0..N-1 are reached and N is not."""
    document["request"]["minimum_consent_position"] = {"offset": offset}
    (decision,) = decisions(run("decide", write(document)).stdout)
    assert [reason["code"] for reason in decision["reasons"]] == ([] if code is None else [code])


def test_more_events_than_the_limit_refuse(
    run: Run, write: Write, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the gate's limit of one person's events the answer is `subject.too_many_events`."""
    monkeypatch.setenv("SEKISHO_GATE_MAX_EVENTS_PER_SUBJECT", "1")
    document["events"].append(
        {**document["events"][0], "data": {**document["events"][0]["data"], "event_id": "EV-9"}}
    )
    (decision,) = decisions(run("decide", write(document)).stdout)
    assert [reason["code"] for reason in decision["reasons"]] == ["subject.too_many_events"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.pop("at"), '"at" is missing'),
        (lambda found: found.pop("request"), '"request" is missing'),
        (lambda found: found.update(at="2026-11-21 10:00"), "time zone"),
        (lambda found: found.update(event=[]), 'unknown key "event"'),
        (lambda found: found.update(events={}), '"events" is a list'),
        (lambda found: found.update(events=[{"type": "x"}]), "an event is an object {type, data}"),
    ],
)
def test_a_document_of_another_form_is_refused_with_its_line(
    run: Run, write: Write, document: dict[str, Any], change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    """Nothing is decided from a file whose form is wrong: exit 2, file and line, what is wrong."""
    changed = json.loads(json.dumps(document))
    if said == '"events" is a list':
        changed["events"] = {"a": 1}
    else:
        change(changed)
    path = write(document, changed)
    result = run("decide", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"{path}:2: " in result.stderr
    assert said in result.stderr


def test_the_line_of_a_yaml_field_is_told(run: Run, write: Write) -> None:
    """In YAML even a field inside a document has its own line."""
    text = "at: 2026-11-21T10:00:00+09:00\nrequest: {}\n---\nat: 2026-11-21T10:00:00+09:00\nevnts: []\nrequest: {}\n"
    path = write(text, name="typo.yaml")
    result = run("decide", path)
    assert result.exit_code == 2
    assert f'{path}:5: unknown key "evnts"' in result.stderr
    assert "`events`" in result.stderr


def test_the_rulebook_is_the_option_then_the_setting_then_the_sample(
    run: Run, write: Write, document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the sample is announced on stderr; a folder that is not there is wrong usage."""
    from sekisho.rulebook import sample_path

    path = write(document)
    assert "sample rulebook" in run("decide", path).stderr
    assert run("decide", path, "--rulebook", str(sample_path())).stderr == ""
    monkeypatch.setenv("SEKISHO_RULEBOOK", str(sample_path()))
    assert run("decide", path).stderr == ""
    missing = run("decide", path, "--rulebook", str(tmp_path / "none"))
    assert missing.exit_code == 2
    assert "no such folder" in missing.stderr


def test_readable_shows_who_asked_the_reasons_and_remedies_in_both_languages(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """In words: effect, reason, citation, Japanese and English, the near miss; no line wider than 80 columns."""
    from rich.cells import cell_len

    document["events"][0]["data"]["terms"]["valid_until"] = "2026-10-31"
    shown = run("decide", write(document), "--readable").stdout
    for said in (
        "DENY 拒否",
        "consent.expired · WALL-8",
        "保険業法施行規則",
        "満了",
        "validity period",
        "near miss",
        "→",
    ):
        assert said in shown
    assert max(cell_len(line) for line in shown.splitlines()) <= 80
    assert "\x1b[" not in shown


def test_readable_tells_what_a_basis_means_for_that_request(
    run: Run, write: Write, document: dict[str, Any]
) -> None:
    """A consent to a use is told as one to its purpose, of referable information as one to its acquisition; of the
    academic exceptions the one that is claimed is told."""
    used = run("decide", write(document), "--readable").stdout
    assert "この目的について本人の同意があります。" in used
    assert "個人データとして取得すること" not in used
    insurer = {"id": "life-insurer", "relation": "third_party", "country": "JP"}
    insurer |= {"name": "life-insurer 株式会社", "address": "東京都", "representative": "代表"}
    document["request"].update(
        action="provide",
        requester={"organization": "savings-bank", "business": "deposit", "system": "core-banking"},
        items=["referable.interests"],
        purpose="savings.solicitation",
        activity={"kind": "maintenance", "mode": "none"},
        recipient=insurer
        | {"referable_consent": {"confirmed_at": "2026-11-20T10:00:00+09:00", "how": "申告を受けた"}},
    )
    assert "個人データとして取得すること" in run("decide", write(document), "--readable").stdout
    document["request"].update(
        items=["customer.name"],
        recipient=insurer | {"id": "university", "name": "university"},
        legal_basis={"kind": "academic_provision", "reference": "R-1", "no_undue_harm": "ない"},
    )
    shown = run("decide", write(document), "--readable").stdout
    assert "学術研究機関の学術研究のための提供です。" in shown
