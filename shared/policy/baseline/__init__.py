"""The baseline of community responsibilities as data: catalogues of versions, and what differs between them.

The TOML files beside this module are the versions; `load_catalogue` checks them and gives a frozen `Catalogue`.
"""

from shared.policy.baseline.difference import Change, ChangeKind, Difference, diff
from shared.policy.baseline.document import catalogue_document, row_document, words_of
from shared.policy.baseline.loader import catalogue_versions, load_catalogue, word_folders
from shared.policy.baseline.metrics import METRICS, Metric
from shared.policy.baseline.model import (
    AttestedRule,
    Catalogue,
    EvidenceKind,
    FieldRule,
    MeasuredRule,
    Responsibility,
    Threshold,
    in_force,
)

__all__ = [
    "METRICS",
    "AttestedRule",
    "Catalogue",
    "Change",
    "ChangeKind",
    "Difference",
    "EvidenceKind",
    "FieldRule",
    "MeasuredRule",
    "Metric",
    "Responsibility",
    "Threshold",
    "catalogue_document",
    "catalogue_versions",
    "diff",
    "in_force",
    "load_catalogue",
    "row_document",
    "word_folders",
    "words_of",
]
