"""Checks of the playbooks. They give findings and raise nothing."""

from shared.policy.checks import names_of_categories, twice
from shared.policy.pattern_rows import PatternsFile
from shared.policy.playbooks import ENGLISH
from shared.policy.rows import PlaybookRow, PlaybooksFile, TaxonomyFile
from shared.policy.source import Finding, Source


def check_playbooks(
    source: Source, file: PlaybooksFile, taxonomy: TaxonomyFile, patterns: PatternsFile
) -> list[Finding]:
    """Names exist, ids are given once, each text is there in English, and the last playbook, and only it, fits all."""
    codes, rows = {row.code for row in taxonomy.category}, file.playbook
    named = {
        "categories": ("taxonomy.toml", names_of_categories(codes)),
        "flags": ("taxonomy.toml", set(taxonomy.flags)),
        "settings": ("taxonomy.toml", set(taxonomy.settings)),
        "mass": ("patterns.toml", {row.id for row in patterns.mass}),
    }
    findings = list(twice(source, "playbook", [row.id for row in rows]))
    findings += list(twice(source, "playbook.reply", [reply.id for row in rows for reply in row.reply]))

    def find(line: int, entry: str, text: str) -> None:
        findings.append(Finding(source.file, line, entry, text))

    for key, given, known in (
        ("categories", file.folded.categories, codes),
        ("flags", file.folded.flags, set(taxonomy.flags)),
    ):
        for name in given:
            if name not in known:
                find(source.line_of("folded", 0, key), "folded", f"taxonomy.toml has no “{name}” among its {key}")
    number = 0
    for index, row in enumerate(rows):
        entry = f"playbook {row.id}"
        for key, (where, names) in named.items():
            for name in getattr(row, key) or ():
                if name not in names:
                    line = source.line_naming(name, "playbook", index, key)
                    find(line, entry, f"{where} has no “{name}” among its {key}")
        if _is_for_all(row) and index < len(rows) - 1:
            find(source.line_of("playbook", index), entry, "it fits every case, so no playbook below it is ever shown")
        if any(ENGLISH not in text for text in row.check):
            find(source.line_of("playbook", index, "check"), entry, "a check has no text in English (`en`)")
        for reply in row.reply:
            if ENGLISH not in reply.title or ENGLISH not in reply.text:
                line = source.line_of("playbook.reply", number)
                find(line, f"{entry}, reply {reply.id}", "it has no title or text in English (`en`)")
            number += 1
    if not _is_for_all(rows[-1]):
        last = len(rows) - 1
        find(source.line_of("playbook", last), f"playbook {rows[-1].id}", "the last playbook has to fit every case")
    return findings


def _is_for_all(row: PlaybookRow) -> bool:
    return row.categories is None and row.flags is None and row.settings is None and row.mass is None
