"""Messages in words: a request, a decision, a record, a rejected event, a consent event, as a person reads them.

Outputs are read leniently, as their every reader must: what is absent is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sekisho.cli.screen import Screen, mapping
from sekisho.domain.book import Rulebook, Text
from sekisho.domain.rules.exc import BASIS as EXCEPTIONS
from sekisho.rulebook.record_terms import RECORD_EXEMPTIONS

_INDENT: Final = 4
_EFFECTS: Final = {"allow": ("✓ ALLOW 許可", "bold green"), "deny": ("✗ DENY 拒否", "bold red")}


def show_request(screen: Screen, request: dict[str, Any], *, indent: int = 0) -> None:
    """Who asks, for what, whose, why and how."""
    screen.text(_who(mapping(request.get("requester"))), indent=indent, first="who   ", lead="dim")
    subject = mapping(request.get("subject"))
    items = ", ".join(map(str, request.get("items") or ())) or "nothing"
    what = f"{request.get('action')} {items} of {subject.get('id')} (held by {request.get('holder')})"
    recipient = mapping(request.get("recipient"))
    if recipient:
        what += f" → {recipient.get('id')} as {recipient.get('relation')}"
    receipt = mapping(request.get("receipt"))
    if receipt:
        what += f" ← {mapping(receipt.get('provider')).get('id')} on {receipt.get('basis') or 'no basis'}"
    screen.text(what, indent=indent, first="asks  ", lead="dim")
    screen.text(_why(request), indent=indent, first="for   ", lead="dim")


def _who(requester: dict[str, Any]) -> str:
    operator = requester.get("operator")
    person = f"operator {operator}" if operator else "no operator (automatic)"
    branch = f", {requester['branch']}" if requester.get("branch") else ""
    return f"{requester.get('organization')}, {requester.get('business')}, {requester.get('system')}: {person}{branch}"


def _why(request: dict[str, Any]) -> str:
    activity = mapping(request.get("activity"))
    told = [str(request.get("purpose"))]
    anticipated = request.get("anticipated_purposes") or ()
    if anticipated:
        told.append("anticipating " + ", ".join(map(str, anticipated)))
    told.append(f"{activity.get('kind')} ({activity.get('mode')})")
    if activity.get("list_name"):
        told.append(f"「{activity['list_name']}」")
    if activity.get("selected_by") is not None:
        told.append("chosen by " + (", ".join(map(str, activity["selected_by"])) or "nothing: everyone"))
    return "; ".join(told)


def bases_of(book: Rulebook, request: Mapping[str, Any]) -> dict[str, Text]:
    """What each basis code means for that request: a consent carries a use otherwise than a provision, and that of
    referable information otherwise again; the academic exceptions are three. Else a code has its first rule's words."""
    exception = EXCEPTIONS.get(mapping(request.get("legal_basis")).get("kind") or "")
    own = (_family(book, request), exception.rule if exception else "EXC-1")
    found: dict[str, Text] = {}
    for (code, rule), text in book.bases.items():
        if code not in found or rule.startswith(own):
            found[code] = text
    return found


def _family(book: Rulebook, request: Mapping[str, Any]) -> str:
    """The rules whose consent such a request asks for first."""
    known = [book.items[item] for item in map(str, request.get("items") or ()) if item in book.items]
    action = request.get("action")
    if known and action != "use" and all(item.item_class == "referable" for item in known):
        return "REF"
    return "PROV" if action == "provide" else "PURP"


def show_decision(
    screen: Screen,
    decision: dict[str, Any],
    *,
    indent: int = 0,
    bases: Mapping[str, Text] = MappingProxyType({}),
) -> None:
    """The effect, what each item gets, every reason in both languages with its remedy, near misses, duties.

    `bases` tells the codes of bases in words: a decision states their codes alone.
    """
    mark, style = _EFFECTS.get(str(decision.get("effect")), ("?", "bold"))
    screen.text(_where(decision), indent=indent, first=f"{mark}  ", lead=style, style="dim")
    inner = indent + _INDENT
    for item in decision.get("items") or ():
        _item(screen, item, inner)
    if decision.get("effect") == "allow":
        _bases(screen, decision, inner, bases)
    for reason in decision.get("reasons") or ():
        _reason(screen, reason, inner)
    for missed in decision.get("near_misses") or ():
        failed = ", ".join(missed.get("failed") or ())
        screen.text(
            f"{missed.get('consent_id')} would serve, but for: {failed}", indent=inner, first="near miss  "
        )
    for duty in decision.get("obligations") or ():
        screen.text(
            f"{duty.get('code')} · {duty.get('rule')}", indent=inner, first="still owed  ", style="bold"
        )
        _both(screen, mapping(duty.get("message")), inner + 2, "")
    served = [f"{each.get('consent_id')} ({', '.join(each.get('serves') or ())})" for each in decision.get("consents") or ()]  # fmt: skip
    if served:
        screen.text("; ".join(served), indent=inner, first="rests on   ")
    if decision.get("record_exemption"):
        _no_record(screen, str(decision["record_exemption"]), inner)


def _no_record(screen: Screen, exemption: str, indent: int) -> None:
    """Why a provision leaves no record, in both languages and with the article."""
    term = RECORD_EXEMPTIONS.get(exemption)
    told = exemption if term is None else f"{exemption} · {term.citation}"
    screen.text(told, indent=indent, first="no record owed  ", style="bold")
    if term is not None:
        screen.text(f"{term.ja} / {term.en}", indent=indent + 2)


def _where(decision: dict[str, Any]) -> str:
    told = [f"request {decision.get('request_id')}"]
    position = mapping(decision.get("request_position"))
    if position:
        told.append(f"at {position.get('partition')}:{position.get('offset')}")
    if decision.get("duplicate_of") is not None:
        told.append(f"sent again: first answered at offset {decision['duplicate_of']}")
    return ", ".join(told)


def _item(screen: Screen, item: dict[str, Any], indent: int) -> None:
    allowed = item.get("effect") == "allow"
    why = item.get("basis") if allowed else item.get("reasons")
    role = " (used to choose)" if item.get("role") == "selection" else ""
    screen.text(
        f"{item.get('item')}{role}: {', '.join(why or ())}",
        indent=indent,
        first="✓ " if allowed else "✗ ",
        lead="green" if allowed else "red",
    )


def _bases(screen: Screen, decision: dict[str, Any], indent: int, bases: Mapping[str, Text]) -> None:
    given = dict.fromkeys(code for item in decision.get("items") or () for code in item.get("basis") or ())
    for code in given:
        if code in bases:
            screen.text(code, indent=indent, style="bold")
            screen.text(f"{bases[code].ja} {bases[code].en}", indent=indent + 2)


def _reason(screen: Screen, reason: dict[str, Any], indent: int) -> None:
    head = " · ".join(str(reason[key]) for key in ("code", "rule", "severity", "citation") if reason.get(key))
    screen.text(head, indent=indent, style="bold")
    _both(screen, mapping(reason.get("message")), indent + 2, "")
    _both(screen, mapping(reason.get("remedy")), indent, "→ ")


def _both(screen: Screen, text: dict[str, Any], indent: int, first: str) -> None:
    for language in ("ja", "en"):
        if text.get(language):
            screen.text(str(text[language]), indent=indent, first=first)


def show_record(screen: Screen, record: dict[str, Any], *, indent: int = 0) -> None:
    """The third-party-provision record: who gave what of whom to whom, on which basis, kept until when."""
    counterparty = mapping(record.get("counterparty"))
    subject = mapping(record.get("subject")).get("id") or "no person named"
    items = ", ".join(record.get("items") or ())
    arrow = "←" if record.get("direction") == "receipt" else "→"
    screen.text(
        f"{record.get('controller')} {arrow} {counterparty.get('name')} ({counterparty.get('address')}, "
        f"{counterparty.get('representative')}): {items} of {subject}",
        indent=indent,
        first="▤ RECORD 第三者提供記録  ",
        lead="bold cyan",
    )
    inner = indent + _INDENT
    statement = mapping(record.get("consent")).get("statement")
    if statement:
        screen.text(str(statement), indent=inner)
    kept = (
        f"kept until {record['retain_until']}"
        if record.get("retain_until")
        else "no end yet: provision goes on"
    )
    screen.text(
        f"{record.get('basis')}, {record.get('method')}, on {record.get('provided_on')}; "
        f"{kept} ({record.get('retention_rule')})",
        indent=inner,
    )


def show_rejected(screen: Screen, rejected: dict[str, Any], *, indent: int = 0) -> None:
    """Why a message was rejected and where it stands; never its content."""
    position = mapping(rejected.get("position"))
    field = f", field {rejected['field']}" if rejected.get("field") else ""
    screen.text(
        f"{rejected.get('cause')}{field}: {position.get('topic')} {position.get('partition')}:"
        f"{position.get('offset')}, {rejected.get('size')} bytes",
        indent=indent,
        first="⚠ REJECTED 不受理  ",
        lead="bold yellow",
    )
    _both(screen, mapping(rejected.get("message")), indent + 2, "")


def show_event(screen: Screen, type_: str, data: dict[str, Any], *, indent: int = 0) -> None:
    """A consent event in one paragraph: what happened, and the facts that the rules ask for."""
    what = type_.removeprefix("sekisho.").rpartition(".v")[0]
    names = ("consent_id", "suspension_id", "kind", "controller", "method", "mode", "given_at", "withdrawn_at",
             "refused_at", "confirmed_at", "ordered_at", "lifted_at", "registered_at", "cancelled_at", "purposes",
             "recipients")  # fmt: skip
    facts = [f"{name} {_plain(data[name])}" for name in names if data.get(name) not in (None, [], ())]
    if what == "consent.granted" and data.get("given_at") is None:
        facts.append("no date")
    screen.text(
        f"{data.get('subject_id')}: {what}; {', '.join(facts)}", indent=indent, first="● ", lead="bold blue"
    )


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(str(mapping(each).get("id") or each) for each in value) + "]"
    return str(value)
