"""The closed vocabularies of the contract (contract.md): every enumeration has one home, here.

Catalogue ids (items, purposes, organizations, agreements) are rulebook data and therefore plain strings.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Effect = Literal["allow", "deny"]
Action = Literal["use", "provide", "receive"]
SubjectKind = Literal["individual", "corporation"]
Role = Literal["requested", "selection"]
ReasonKind = Literal["refused", "unknown", "invalid", "unavailable"]
Severity = Literal["duty", "effort", "policy"]

ActivityKind = Literal[
    "list_extraction", "visit_invitation", "explanation", "application", "conclusion",
    "inquiry", "maintenance", "claims_handling", "screening", "collection",
]  # fmt: skip
Mode = Literal["face_to_face", "mail", "phone", "internet", "none"]

Relation = Literal[
    "third_party", "entrustment", "succession", "joint_use", "opt_out", "on_behalf_of_subject",
    "claim_assignment", "same_entity", "subject", "state_body",
]  # fmt: skip
LegalBasisKind = Literal[
    "law", "life_body_property", "public_health", "state_cooperation", "academic_own", "academic_provision",
    "academic_joint", "subject_request", "inheritance", "identification_document", "claim_specification",
    "business_consent", "biometric_identification",
]  # fmt: skip
RecordMethod = Literal["individual", "batch", "contract"]
ReceiptBasis = Literal[
    "consent", "opt_out", "private", "referable",
    "law", "life_body_property", "public_health", "state_cooperation", "academic_own", "academic_provision",
    "academic_joint", "subject_request", "inheritance", "identification_document", "claim_specification",
    "business_consent", "biometric_identification",
    "third_party", "entrustment", "succession", "joint_use", "on_behalf_of_subject", "claim_assignment",
    "same_entity", "subject", "state_body",
]  # fmt: skip

ConsentKind = Literal["cross_sell", "purpose", "provision", "foreign_provision", "sensitive", "referable"]
ConsentMethod = Literal["written", "electronic", "oral", "mail_reply"]
Capacity = Literal["full", "adult_ward", "curatee", "assisted"]
SuspensionKind = Literal["use", "provision"]

RecordBasis = Literal[
    "provision.consent", "provision.opt_out", "provision.foreign_consent",
    "receipt.consent", "receipt.opt_out", "receipt.private", "referable.provision", "referable.receipt",
]  # fmt: skip
RecordExemption = Literal[
    "law", "life_body_property", "public_health", "state_cooperation", "academic", "entrustment", "succession",
    "joint_use", "state_body", "by_subject", "not_third_party", "corporation", "bid_due_diligence",
]  # fmt: skip
RejectionCause = Literal[
    "unreadable", "too_large", "tombstone", "wrong_type", "invalid", "id_reused", "unsupported_version",
    "misrouted_twice", "undecodable", "lost_range", "skipped",
]  # fmt: skip

ItemClass = Literal["attribute", "relationship", "npfi", "npii", "sensitive", "credit", "card", "referable"]
Regime = Literal["insurer", "bank", "bank_agent", "servicer"]
"""How an organization is regulated: insurer (IBR 53-6), bank (銀行等 that solicits, IBR 212), bank_agent
(銀行代理業者, IBR 234), servicer. An organization may have none (a bank that does not solicit, say)."""
OrganizationType = Literal[
    "bank", "bank_agent", "insurer", "agency", "servicer", "credit_bureau", "contractor", "joint_use_partner",
    "state_body", "academic", "other",
]  # fmt: skip
"""What an organization is; the grounds on which it may handle sensitive information go by it (SENS-1)."""
SystemBasis = Literal["contract", "group_rules", "certification"]
"""What an equivalent-measures system of a recipient abroad rests on (ER 16)."""
ProductLine = Literal["deposit", "lending", "investment", "insurance"]
"""The business that a financial product, or a non-public item, belongs to (WALL-15)."""

WRITTEN_METHODS: Final[frozenset[str]] = frozenset({"written", "mail_reply"})
"""Ways of giving consent that are paper writing as such; `electronic` counts only where accepted (WALL-12)."""

EXCEPTIONS: Final[frozenset[str]] = frozenset(
    {"law", "life_body_property", "public_health", "state_cooperation",
     "academic_own", "academic_provision", "academic_joint"}
)  # fmt: skip
"""Kinds of legal basis that are exceptions to consent (EXC-1 to EXC-7); the other kinds lift none."""

NON_PUBLIC: Final[frozenset[str]] = frozenset({"npfi", "npii"})

INSURANCE_SOLICITATION: Final = "insurance.solicitation"
CONSENT_ACQUISITION: Final = "consent.acquisition"
RESTRICTED_CUSTOMER_CHECK: Final = "restricted_customer.check"
COMMON: Final = "common"
MAIN_BUSINESS: Final = "claims_management"
"""本業 of a servicer (SV 2(20))."""
CREDIT_BUREAU: Final = "credit_bureau"
"""The type of organization that SV 14(4)(6) rule."""
SIDE_BUSINESS: Final = "side_business"
"""兼業 of a servicer (SV 2(21)): each licensed one is a purpose of its own (SV 4(3) 注3)."""


def values(vocabulary: object) -> tuple[str, ...]:
    """All values of one of the Literal types above, in the contract's order."""
    return get_args(vocabulary)
