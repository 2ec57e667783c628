"""What must hold inside one version of the catalogue, and from one version to the next."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from shared.i18n.messages import ENGLISH, Messages, message_key
from shared.policy.baseline.metrics import LEAST_CASES, METRICS
from shared.policy.baseline.model import Catalogue, Part, Responsibility, message_of
from shared.policy.baseline.rows import AttestedRow, CatalogueFile, MeasuredRow, ResponsibilityRow
from shared.policy.rows import parse_duration
from shared.policy.source import Finding, Source

LONGEST_WINDOW = 3660
"""Days, ten years: no period of retention is longer, and no date goes beyond what calendars count."""
_PARTS: tuple[Part, ...] = ("requirement", "why", "recommendation")
_SENTENCE = re.compile(r"(?!.*\$\d)(?!.*[.!?]\s)\S.*\w\W{0,2}\.")
_Complaint = tuple[str, str]  # the key it is about, and what is wrong


def check_catalogue(source: Source, file: CatalogueFile, words: Messages) -> Iterator[Finding]:
    """Each row by itself, its words, and what rows say of each other."""
    if source.file != f"{file.version}.toml":
        line = source.line_of(key="version")
        yield Finding(source.file, line, "", f"“version” is {file.version}, so the file must be {file.version}.toml")
    for table, ids in (("source", [row.id for row in file.source]), ("responsibility", _ids(file))):
        for index, name in enumerate(ids):
            if name in ids[:index]:
                line = source.line_of(table, index, "id")
                yield Finding(source.file, line, f"{table} {name}", f"the id “{name}” stands twice")
    known = {row.id for row in file.source}
    for index, row in enumerate(file.responsibility):
        complaints = [*_sources(row, known), *_lifetime(row, file), *_evidence(row), *_words(row, words)]
        for key, text in complaints:
            yield Finding(source.file, source.line_of("responsibility", index, key), f"responsibility {row.id}", text)


def check_chain(source: Source, file: CatalogueFile, before: Catalogue | None) -> Iterator[Finding]:
    """That the version names the one before it as that one is now: what has a successor may not change any more."""
    line = source.line_of(key="previous")
    wanted = before.version if before is not None else None
    if file.previous == wanted:
        return
    if before is None:
        yield Finding(source.file, line, "", f"“previous” is {file.previous}, and no version stands before this one")
    elif file.previous is not None and file.previous.startswith(f"{before.dated}+"):
        text = f"{before.dated} has changed: “previous” is {file.previous}, and it is {wanted} now"
        yield Finding(source.file, line, "", f"{text}; put the change into this version instead")
    else:
        yield Finding(source.file, line, "", f"“previous” must be {wanted}, the version before this one")


def check_succession(
    source: Source, file: CatalogueFile, old: Catalogue, new: Catalogue, words: Messages
) -> Iterator[Finding]:
    """That ids keep their meaning from one version to the next, and that none is lost or used again.

    Who attested HB-07 must not find something else under that name. So group, setting, the metric (where both have one)
    and the direction of the threshold belong to the meaning, as does what the sentence asks for. A level, a number, a
    window, other evidence or other kinds of communities ask for more or less of the same. Whether other words mean the
    same no program can tell, so the author says so with `wording`, which keeps the old words under their old key.
    """
    if new.effective_from < old.effective_from:
        line = source.line_of(key="effective_from")
        yield Finding(source.file, line, "", f"“effective_from” is before that of {old.dated}, {old.effective_from}")
    for lost in sorted(old.responsibilities.keys() - new.responsibilities.keys()):
        text = f"{lost} is in {old.dated} and not here: keep its row, with state = “retired”"
        yield Finding(source.file, source.line_of("responsibility"), f"responsibility {lost}", text)
    for index, (name, now) in enumerate(new.responsibilities.items()):
        was = old.responsibilities.get(name)
        complaints = [*_kept(was, now), *_numbers(was, now, words)] if was else [*_begun(now)]
        for key, text in complaints:
            line = source.line_of("responsibility", index, key)
            yield Finding(source.file, line, f"responsibility {name}", f"{text} ({old.dated})")


def _ids(file: CatalogueFile) -> list[str]:
    return [row.id for row in file.responsibility]


def _sources(row: ResponsibilityRow, known: set[str]) -> Iterator[_Complaint]:
    for name in row.sources:
        if name not in known:
            yield "sources", f"no [[source]] has the id “{name}”"
    for key, names in (("sources", row.sources), ("kinds", row.kinds)):
        yield from _twice(key, names)


def _twice(key: str, names: Sequence[str]) -> Iterator[_Complaint]:
    for name, count in Counter(names).items():
        if count > 1:
            yield key, f"“{name}” stands twice"


def _lifetime(row: ResponsibilityRow, file: CatalogueFile) -> Iterator[_Complaint]:
    if row.counts_from is not None and row.state != "upcoming":
        yield "counts_from", f"“counts_from” is for what is upcoming, and this is {row.state}"
    if row.replaced_by is None:
        return
    if row.state != "retired":
        yield "replaced_by", f"“replaced_by” is for what is retired, and this is {row.state}"
    follows = {other.id: other.replaced_by for other in file.responsibility}
    if row.replaced_by not in follows:
        yield "replaced_by", f"there is no responsibility “{row.replaced_by}”"
    seen, after = [row.id], follows.get(row.id)
    while after is not None and after not in seen:
        seen, after = [*seen, after], follows.get(after)
    if after == row.id:
        yield "replaced_by", f"“replaced_by” goes in a circle: {' → '.join([*seen, row.id])}"


def _evidence(row: ResponsibilityRow) -> Iterator[_Complaint]:
    attested, measured = row.attested, row.measured
    if attested is None and measured is None and not row.surveyed:
        yield "evidence", "nothing can show it: give it “attested” or “measured”"
    if row.surveyed and row.state == "active":
        yield "surveyed", "surveys do not exist yet, so only what is upcoming may ask for one"
    if row.not_applicable == "with_reason" and attested is None:
        yield "not_applicable", "the reason is given in an attestation: give it “attested”, or write “never”"
    if row.level == 1 and row.state != "retired" and not _by_attestation_alone(row):
        yield "level", "level 1 is reached by attestation alone: “attested” without “confirm”, and “evidence” any"
    if row.min_cases is not None and (attested is None or measured is None or not _counts_cases(measured)):
        # With “measured” alone, a community without cases would have nothing to show, and nothing to do.
        yield "min_cases", "below “min_cases” what is attested decides: give it “attested”, and a metric of cases"
    if attested is not None:
        yield from _attested(attested)
    if measured is not None:
        yield from _measured(measured)


def _counts_cases(rule: MeasuredRow) -> bool:
    return rule.metric not in METRICS or METRICS[rule.metric].counts == "cases"


def _by_attestation_alone(row: ResponsibilityRow) -> bool:
    if row.attested is None or row.attested.confirm != "none":
        return False
    return row.evidence == "any" or (row.measured is None and not row.surveyed)


def _attested(rule: AttestedRow) -> Iterator[_Complaint]:
    if rule.link_check_days is not None and rule.link == "none":
        yield "attested.link_check_days", "there is no link to look at: “link” is none"
    yield from _twice("attested.fields", [field.name for field in rule.fields])


def _measured(rule: MeasuredRow) -> Iterator[_Complaint]:
    metric = METRICS.get(rule.metric)
    if metric is None:
        yield "measured.metric", f"there is no metric “{rule.metric}”: use {', '.join(METRICS)}"
        return
    if rule.threshold.unit not in metric.units:
        units = " or ".join(sorted(metric.units))
        yield "measured.threshold", f"{rule.metric} is measured in {units}, not in {rule.threshold.unit}"
    for name in sorted(metric.params.keys() | rule.params.keys()):
        if name not in metric.params:
            yield "measured.params", f"{rule.metric} has no parameter “{name}”"
        elif name not in rule.params:
            yield "measured.params", f"{rule.metric} needs the parameter “{name}”"
        else:
            least, most = metric.params[name]
            if not least <= rule.params[name] <= most:
                yield "measured.params", f"“{name}” must be from {least:g} to {most:g}"
    days, limit = parse_duration(rule.window) / timedelta(days=1), rule.threshold
    if not limit.value * {"h": 1 / 24, "d": 1}.get(limit.unit, 0) <= days <= LONGEST_WINDOW:
        text = f"“window” must be as long as the threshold at least, and {LONGEST_WINDOW} d at most"
        yield "measured.window", text
    if metric.counts == "cases" and rule.min_n < LEAST_CASES:
        yield "measured.min_n", f"fewer than {LEAST_CASES} cases could tell of single ones: “min_n” is {rule.min_n}"


def _words(row: ResponsibilityRow, words: Messages) -> Iterator[_Complaint]:
    for part in _PARTS:
        key = message_of(row.id, part, row.wording)
        if not words.has(key):
            yield "id", f"i18n/en.json has no message “{key}”"
    asked = words.text(ENGLISH, message_of(row.id, "requirement", row.wording))
    if not _SENTENCE.fullmatch(asked):
        yield "id", f"“{message_of(row.id, 'requirement', row.wording)}” must be one sentence without parameters"
    for field in row.attested.fields if row.attested else ():
        if not words.has(message_key("baseline-field", field.name)):
            yield "attested.fields", f"i18n/en.json has no message “{message_key('baseline-field', field.name)}”"


def _begun(now: Responsibility) -> Iterator[_Complaint]:
    if now.wording != 1:
        yield "wording", f"{now.id} is new, so its “wording” is 1"
    if now.state == "retired":
        yield "state", f"{now.id} is new, so it cannot be retired"


def _kept(was: Responsibility, now: Responsibility) -> Iterator[_Complaint]:
    if was.state == "retired" and now.state != "retired":
        yield "state", f"{now.id} was retired, and an id is never used again: give it a new one"
    if was.state == "active" and now.state == "upcoming":
        yield "state", f"{now.id} counted: retire it, or let it count"
    changed = [
        name
        for name, before, after in (
            ("group", was.group, now.group),
            ("setting", was.setting, now.setting),
            ("measured.metric", was.measured and was.measured.metric, now.measured and now.measured.metric),
            (
                "measured.threshold",
                was.measured and was.measured.threshold.op,
                now.measured and now.measured.threshold.op,
            ),
        )
        if before != after and None not in (before, after)
    ]
    for name in changed:
        yield name, f"with another “{name}”, {now.id} means something else: retire it, and give a new id"


def _numbers(was: Responsibility, now: Responsibility, words: Messages) -> Iterator[_Complaint]:
    if now.wording not in (was.wording, was.wording + 1):
        yield "wording", f"“wording” was {was.wording}: leave it, or write {was.wording + 1}"
    if now.wording != was.wording or was.measured is None or now.measured is None:
        return
    said = re.findall(r"\d+", words.text(ENGLISH, now.message("requirement")))
    before, after = was.measured, now.measured
    numbers = [("measured.threshold", before.threshold.limit, after.threshold.limit)]
    numbers += [("measured.params", before.params.get(name, value), value) for name, value in after.params.items()]
    for key, old, new in numbers:
        if old != new and f"{old:g}" in said:
            yield key, f"its words still say {old:g}: write new ones, with “wording” {was.wording + 1}"
