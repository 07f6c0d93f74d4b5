"""What a lane answers, written in one go: a decision and the record that it leaves, at one position of one partition.

The same bytes as `access_decisions.encode` and `provision_records.encode`, without the objects of an `Envelope`: what is
constant of a lane and its rulebook is written once, the times and the ids that both messages tell once for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sekisho.contracts import access_decisions, provision_records
from sekisho.contracts.access_decisions import Particulars
from sekisho.contracts.fields import written, written_ms
from sekisho.contracts.fragments import quoted
from sekisho.contracts.identity import decision_ids, record_id
from sekisho.contracts.shared_models import Encoded, Engine
from sekisho.domain.book import Rulebook
from sekisho.domain.verdict import Verdict


class Written(NamedTuple):
    """A decision, and its record where it leaves one."""

    decision: Encoded
    record: Encoded | None


class AnswerWriter:
    """Writes the answers to the requests of one partition, by one rulebook."""

    def __init__(
        self, rulebook: Rulebook, engine: Engine, *, topic: str, topic_id: str, partition: int
    ) -> None:
        self._rulebook = rulebook
        self._engine = engine
        self._id_at = decision_ids(topic_id, partition)
        self._request_before = f'{{"topic":{quoted(topic)},"partition":{partition},"offset":'
        self._consent_before = f'{{"partition":{partition},"offset":'
        self._statement = rulebook.record_statement.ja

    def write(
        self,
        verdict: Verdict,
        request_id: str,
        organization: str | None,
        subject_id: str | None,
        digest: str,
        *,
        offset: int,
        decided_at: datetime,
        appended_at: datetime,
        consents_next: int,
        circumstances: Mapping[str, Any] | None = None,
    ) -> Written:
        """The messages of a verdict on the request at `offset`; `consents_next` is the decision's consent position.

        Raises KeyError for a reason that the rulebook does not declare.
        """
        decision_id, content = self._id_at(offset), verdict.record
        told = Particulars(
            decision_id,
            None if content is None else record_id(decision_id),
            request_id,
            organization,
            subject_id,
            written(decided_at),
            f'"{written_ms(appended_at)}"',
            f"{self._consent_before}{consents_next}}}",
            f"{self._request_before}{offset}}}",
            digest,
            self._engine,
            circumstances,
        )
        record = None
        if content is not None:
            record = provision_records.write(content, told, self._rulebook, self._statement)
        return Written(access_decisions.write(verdict, told, self._rulebook), record)
