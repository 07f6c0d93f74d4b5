"""The audit room: proves from the topics alone that every request was answered once and rightly, or tells where not."""

from sekisho.audit.archive import ArchivedRecord, RecordArchive
from sekisho.audit.config import CheckConfig, Progress, Sent
from sekisho.audit.report import LABELS, CheckReport, Counts
from sekisho.audit.verifier import check

__all__ = [
    "LABELS", "ArchivedRecord", "CheckConfig", "CheckReport", "Counts", "Progress", "RecordArchive", "Sent", "check",
]  # fmt: skip
