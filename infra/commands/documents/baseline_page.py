"""The page of what the baseline asks for, made from the newest packaged version."""

from shared.i18n.messages import ENGLISH, Messages
from shared.policy.baseline import METRICS, AttestedRule, MeasuredRule, Responsibility, load_catalogue, word_folders

_INTRODUCTION = """\
# What the baseline asks for

Made by `hearth baseline doc` from version {version} in `shared/policy/baseline`; `make check` compares it.
[baseline.md](baseline.md) says how a community reaches a level.

Only the sentence under *asks for* binds. *Attested* means that a coordinator says so, with the evidence named here.
*Measured* means that audit computes it from the record. Where there is both, what is measured goes before.

"""


def baseline_page() -> str:
    """The page, in Markdown."""
    catalogue, words = load_catalogue(), Messages.load(word_folders(), strict=True)
    rows = list(catalogue.responsibilities.values())
    parts = [_INTRODUCTION.format(version=catalogue.dated)]
    for level in (1, 2, 3):
        parts.append(f"## Level {level}: {words.text(ENGLISH, f'baseline-level-{level}')}\n\n")
        parts.append(f"{words.text(ENGLISH, f'baseline-level-about-{level}')}\n\n")
        parts += _table([row for row in rows if row.state == "active" and row.level == level], words)
    parts.append("## Upcoming\n\nThese do not count yet.\n\n")
    parts += _table([row for row in rows if row.state == "upcoming"], words)
    parts.append("## Why, and how\n\nThis is advice. It binds nobody.\n\n")
    for row in rows:
        if row.state != "retired":
            parts.append(f"- **{row.id}**: {words.text(ENGLISH, row.message('why'))}\n")
            parts.append(f"  {words.text(ENGLISH, row.message('recommendation'))}\n")
    parts.append("\n## Sources\n\n| source | version | read |\n| --- | --- | --- |\n")
    parts += [f"| <{source.url}> | {source.oldid or '–'} | {source.read_on} |\n" for source in catalogue.sources]
    return "".join(parts)


def _table(rows: list[Responsibility], words: Messages) -> list[str]:
    lines = [_line(row, words) for row in rows]
    return ["| id | asks for | of | evidence |\n| --- | --- | --- | --- |\n", *lines, "\n"]


def _line(row: Responsibility, words: Messages) -> str:
    asked = words.text(ENGLISH, row.message("requirement"))
    kinds = sorted(words.code(ENGLISH, "baseline-kind", kind).lower() for kind in row.kinds)
    of = "all" if len(kinds) == len(("wiki", "affiliate", "event", "technical space")) else ", ".join(kinds)
    evidence = [attested_text(row.attested, words)] if row.attested else []
    evidence += [measured_text(row.measured, words)] if row.measured else []
    if row.not_applicable == "with_reason":
        evidence.append("May be said not to apply, with a reason.")
    return f"| {row.id} | {asked} | {of} | {'<br>'.join(evidence)} |\n"


def attested_text(rule: AttestedRule, words: Messages) -> str:
    """What an attestation needs, in a line."""
    needs = [f"link {rule.link}"] if rule.link != "none" else []
    for field in rule.fields:
        least = f" ({field.least} or more)" if field.least > 1 else ""
        needs.append(f"{_lowered(words.code(ENGLISH, 'baseline-field', field.name))}{least}")
    needs.append(f"valid for {rule.valid_for.days} days")
    if rule.confirm != "none":
        needs.append(_lowered(words.code(ENGLISH, "baseline-confirm", rule.confirm)))
    return f"*Attested*: {'; '.join(needs)}"


def measured_text(rule: MeasuredRule, words: Messages) -> str:
    """What is measured, and when it is good, in a line."""
    limit = rule.threshold
    op = {"<=": "at most ", ">=": "at least ", "==": "exactly "}[limit.op]
    unit = words.text(ENGLISH, f"baseline-unit-{'percent' if limit.unit == '%' else limit.unit}", f"{limit.limit:g}")
    metric = _lowered(words.code(ENGLISH, "baseline-metric", rule.metric))
    said = f"*Measured*: {metric}: {op}{unit}"
    if METRICS[rule.metric].counts == "people":
        return said
    return f"{said}; from {rule.min_n} cases on, of those received in {rule.window.days} days"


def _lowered(text: str) -> str:
    return text[0].lower() + text[1:]
