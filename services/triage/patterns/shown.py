"""What a case has in common with others, as the API shows it."""

from services.triage.answers import SimilarShown
from services.triage.patterns.actions import Similar


def show_similar(similar: Similar) -> SimilarShown:
    """The similar cases, the most similar first."""
    return {
        "cases": [
            {"id": other.id, "code_name": other.code_name, "reasons": list(reasons)} for other, reasons in similar.cases
        ],
        "more": similar.more,
        "elsewhere": similar.elsewhere,
    }
