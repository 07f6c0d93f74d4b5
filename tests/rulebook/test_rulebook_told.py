"""What a rule tells of its finding reaches the texts that a person reads."""

from __future__ import annotations

from sekisho.contracts import access_decisions
from sekisho.domain.book import Rulebook
from sekisho.domain.verdict import Cite, Verdict


def test_each_unknown_name_stands_in_the_message_of_its_own_reason(book: Rulebook) -> None:
    """Two kinds of unknown names in one decision: each message names its own."""
    verdict = Verdict(
        "deny", (), (Cite("request.unknown_item", "REQ-1"), Cite("request.unknown_holder", "REQ-1")),
        details=(("request.unknown_item", "customer.nam"), ("request.unknown_holder", "savings-bnk")),
    )  # fmt: skip
    told = access_decisions.shadow_document(verdict, book, "post-office")["reasons"]
    assert [reason["message"]["ja"] for reason in told] == [
        "データ項目「customer.nam」は、ルールブックの項目一覧に登録されていません。",
        "データの保有者「savings-bnk」は、ルールブックに登録されていません。",
    ]
    assert [reason["message"]["en"] for reason in told] == [
        'The data item "customer.nam" is not in the rulebook\'s catalogue.',
        'The holder "savings-bnk" is not registered in the rulebook.',
    ]
