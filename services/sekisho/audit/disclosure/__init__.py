"""Disclosure of third-party-provision records to the person (APPI 33(5)): the notice, and the operator's count beside it.

`disclose` judges and counts; `notice_*` write the letter for the person, `sheet_*` the operator's own sheet, which never goes out
with it. `paper`, `page` and `printing` write any report as HTML and PDF.
"""

from sekisho.audit.disclosure.disclosing import Disclosure, disclose
from sekisho.audit.disclosure.errors import DisclosureError
from sekisho.audit.disclosure.given import (
    Answer,
    Asker,
    Contact,
    Exclusion,
    ExpiredRecord,
    Instructions,
    KeptRecord,
    Organization,
    Period,
    Person,
    Request,
    Statements,
    Withholding,
    WithoutDuty,
    read_instructions,
)
from sekisho.audit.disclosure.writing import (
    notice_html,
    notice_json,
    notice_pdf,
    notice_schema,
    sheet_html,
    sheet_json,
    sheet_pdf,
    sheet_schema,
)

__all__ = [
    "Answer",
    "Asker",
    "Contact",
    "Disclosure",
    "DisclosureError",
    "Exclusion",
    "ExpiredRecord",
    "Instructions",
    "KeptRecord",
    "Organization",
    "Period",
    "Person",
    "Request",
    "Statements",
    "Withholding",
    "WithoutDuty",
    "disclose",
    "notice_html",
    "notice_json",
    "notice_pdf",
    "notice_schema",
    "read_instructions",
    "sheet_html",
    "sheet_json",
    "sheet_pdf",
    "sheet_schema",
]
