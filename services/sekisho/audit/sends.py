"""What senders hold acknowledgements of, compared with what is in the topics."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from sekisho.audit.config import Sent
from sekisho.audit.findings import Findings
from sekisho.audit.scanning import Scanned, Undecodable
from sekisho.audit.workspace import Workspace
from sekisho.log.port import Partition


class Sends:
    """The acknowledged messages of one check."""

    def __init__(self, workspace: Workspace, findings: Findings) -> None:
        self._workspace = workspace
        self._findings = findings
        self._count = 0

    def expect(self, sent: Iterable[Sent]) -> int:
        """Notes what must be found; gives how many there are."""
        self._count = self._workspace.expect_sent(sent)
        return self._count

    def note(self, at: Partition, item: Scanned) -> None:
        """Looks whether a record is the one that was sent to its place."""
        if not self._count:
            return
        sha256 = self._workspace.found(*at, item.offset)
        if sha256 is None or isinstance(item, Undecodable):  # there it is; what it holds nobody can read
            return
        if hashlib.sha256(item.value or b"").hexdigest() != sha256:
            self._findings.add("sent.altered", *at, item.offset)

    def lost(self, partitions: frozenset[int] | None) -> None:
        """What was never found becomes a finding; `partitions` are those that were looked at (None: all)."""
        for sent in self._workspace.not_found():
            if partitions is None or sent.partition in partitions:
                self._findings.add("sent.lost", sent.topic, sent.partition, sent.offset)
