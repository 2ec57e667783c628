"""A catalogue as JSON has it, under the names of the TOML."""

from shared.i18n.messages import Messages
from shared.policy.baseline.model import AttestedRule, Catalogue, MeasuredRule, Responsibility


def catalogue_document(catalogue: Catalogue, words: Messages, language: str) -> dict[str, object]:
    """The whole catalogue, with its words in a language."""
    return {
        "version": catalogue.version,
        "effective_from": catalogue.effective_from.isoformat(),
        "previous": catalogue.previous,
        "sources": [
            {"id": source.id, "url": source.url, "oldid": source.oldid, "read_on": source.read_on}
            for source in catalogue.sources
        ],
        "responsibilities": [
            {**words_of(row, words, language), **row_document(row)} for row in catalogue.responsibilities.values()
        ],
    }


def words_of(row: Responsibility, words: Messages, language: str) -> dict[str, str]:
    """What it asks for, why, and what is recommended, in a language."""
    return {
        "requirement": words.text(language, row.message("requirement")),
        "why": words.text(language, row.message("why")),
        "recommendation": words.text(language, row.message("recommendation")),
    }


def row_document(row: Responsibility) -> dict[str, object]:
    """All rules of a responsibility. Lists that have no order are sorted. What is not there is None."""
    return {
        "id": row.id,
        "state": row.state,
        "counts_from": None if row.counts_from is None else row.counts_from.isoformat(),
        "replaced_by": row.replaced_by,
        "group": row.group,
        "level": row.level,
        "setting": row.setting,
        "kinds": sorted(row.kinds),
        "min_cases": row.min_cases or None,
        "not_applicable": row.not_applicable,
        "sources": list(row.sources),
        "wording": row.wording,
        "maps": list(row.maps),
        "evidence": row.evidence,
        "attested": None if row.attested is None else _attested(row.attested),
        "measured": None if row.measured is None else _measured(row.measured),
        "surveyed": row.surveyed,
    }


def _attested(rule: AttestedRule) -> dict[str, object]:
    return {
        "link": rule.link,
        "fields": [{"name": field.name, "kind": field.kind, "least": field.least} for field in rule.fields],
        "valid_days": rule.valid_for.days,
        "confirm": rule.confirm,
        "link_check_days": None if rule.link_check is None else rule.link_check.days,
    }


def _measured(rule: MeasuredRule) -> dict[str, object]:
    return {
        "metric": rule.metric,
        "params": dict(sorted(rule.params.items())),
        "threshold": {"op": rule.threshold.op, "value": rule.threshold.limit, "unit": rule.threshold.unit},
        "window_days": rule.window.total_seconds() / 86400,
        "min_n": rule.min_n,
        "open_cases": rule.open_count,
        "clock": rule.clock,
    }
