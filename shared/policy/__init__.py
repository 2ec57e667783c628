"""The movement's policies as data: what can be reported, who handles it, how long each step may take,
and how long what was reported is kept.

The TOML files beside this module are the policy; `load_policy` checks them and gives a frozen `Policy`.
"""

from shared.policy.conditions import ReportFacts
from shared.policy.hearings import Hearing
from shared.policy.loader import load_policy
from shared.policy.model import (
    GLOBAL_COMMUNITY,
    MEASURE_REVIEW,
    QUORUM,
    RECUSAL_ANSWER,
    UNCLASSIFIED,
    Category,
    Community,
    CommunityKind,
    Deadline,
    DeadlineRule,
    HandlingBody,
    Lane,
    Outcome,
    Policy,
    Triage,
)
from shared.policy.patterns import About, MassRule, Patterns, SystemicRule
from shared.policy.peer_support import PeerSupport
from shared.policy.retention import ReportLife, Retention, RetentionRule, Verdict
from shared.policy.source import Finding, PolicyError

__all__ = [
    "GLOBAL_COMMUNITY",
    "MEASURE_REVIEW",
    "QUORUM",
    "RECUSAL_ANSWER",
    "UNCLASSIFIED",
    "About",
    "Category",
    "Community",
    "CommunityKind",
    "Deadline",
    "DeadlineRule",
    "Finding",
    "HandlingBody",
    "Hearing",
    "Lane",
    "MassRule",
    "Outcome",
    "Patterns",
    "PeerSupport",
    "Policy",
    "PolicyError",
    "ReportFacts",
    "ReportLife",
    "Retention",
    "RetentionRule",
    "SystemicRule",
    "Triage",
    "Verdict",
    "load_policy",
]
