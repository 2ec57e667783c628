"""From TOML files to checked catalogues: one file a version, each held against the version before it."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType

from shared.i18n.messages import ENGLISH, Messages
from shared.policy.baseline.checks import check_catalogue, check_chain, check_succession
from shared.policy.baseline.model import (
    AttestedRule,
    Catalogue,
    CatalogueSource,
    FieldRule,
    MeasuredRule,
    Responsibility,
    Threshold,
)
from shared.policy.baseline.rows import AttestedRow, CatalogueFile, MeasuredRow, ResponsibilityRow
from shared.policy.rows import parse_duration
from shared.policy.source import Finding, PolicyError, Source, digest, read_source, validated

PACKAGED = Path(__file__).parent
FOLDER = "baseline"


def load_catalogue(directory: Path | None = None, version: str | None = None) -> Catalogue:
    """The newest version of the catalogue, or `version`: its date, with or without its digest.

    `directory` is the folder of the policy: its `baseline/*.toml` replace or add versions. Raises PolicyError with
    everything that is wrong in any version: file, line and row of each finding.
    """
    versions = catalogue_versions(directory)
    if version is None:
        return versions[-1]
    for catalogue in versions:
        if version in (catalogue.version, catalogue.dated):
            return catalogue
    known = ", ".join(catalogue.version for catalogue in versions)
    raise PolicyError([Finding(FOLDER, 1, "", f"there is no version “{version}”: there are {known}")])


def catalogue_versions(directory: Path | None = None) -> tuple[Catalogue, ...]:
    """All versions, the oldest first. Raises PolicyError like `load_catalogue`."""
    return _packaged() if directory is None else _load(directory)


@cache
def _packaged() -> tuple[Catalogue, ...]:
    # These files stay as they are while a process runs.
    return _load(None)


def _load(directory: Path | None) -> tuple[Catalogue, ...]:
    words = _words(directory)
    findings: list[Finding] = []
    read: list[tuple[Source, CatalogueFile]] = []
    for path in _files(directory, findings):
        try:
            source = read_source(path)
        except PolicyError as error:
            findings += error.findings
            continue
        file = validated(CatalogueFile, source, findings)
        if file is not None:
            read.append((source, file))
            findings += check_catalogue(source, file, words)
    if findings:
        raise PolicyError(findings)

    catalogues: list[Catalogue] = []
    for source, file in read:
        before = catalogues[-1] if catalogues else None
        catalogue = _build(source, file, words)
        findings += check_chain(source, file, before)
        if before is not None:
            findings += check_succession(source, file, before, catalogue, words)
        catalogues.append(catalogue)
    if findings:
        raise PolicyError(findings)
    return tuple(catalogues)


def word_folders(directory: Path | None = None) -> list[Path]:
    """The folders of the catalogue's messages: the packaged one, and that of a deployment, which goes before."""
    own = [directory / FOLDER / "i18n"] if directory is not None else []
    return [PACKAGED / "i18n", *(folder for folder in own if folder.is_dir())]


def _words(directory: Path | None) -> Messages:
    try:
        return Messages.load(word_folders(directory))
    except ValueError as error:
        raise PolicyError([Finding(f"{FOLDER}/i18n", 1, "", str(error))]) from None


def _files(directory: Path | None, findings: list[Finding]) -> list[Path]:
    paths = {path.name: path for path in PACKAGED.glob("*.toml")}
    if directory is not None:
        if not directory.is_dir():
            raise PolicyError([Finding(str(directory), 1, "", "the policy folder is missing")])
        paths |= {path.name: path for path in (directory / FOLDER).glob("*.toml")}
    return [paths[name] for name in sorted(paths)]


def _build(source: Source, file: CatalogueFile, words: Messages) -> Catalogue:
    rows = {row.id: _responsibility(row) for row in file.responsibility}
    # What binds stands in the digest: the rows, and what they ask for in English. Advice and translations may improve.
    asked = [words.text(ENGLISH, row.message("requirement")) for row in rows.values()]
    return Catalogue(
        version=f"{file.version}+{digest([source.data, asked])}",
        effective_from=file.effective_from,
        previous=file.previous,
        sources=tuple(CatalogueSource(row.id, row.url, row.oldid, row.read_on) for row in file.source),
        responsibilities=MappingProxyType(rows),
    )


def _responsibility(row: ResponsibilityRow) -> Responsibility:
    return Responsibility(
        id=row.id,
        state=row.state,
        group=row.group,
        level=row.level,
        setting=row.setting,
        kinds=frozenset(row.kinds),
        not_applicable=row.not_applicable,
        evidence=row.evidence,
        attested=_attested(row.attested) if row.attested else None,
        measured=_measured(row.measured) if row.measured else None,
        surveyed=row.surveyed,
        counts_from=row.counts_from,
        replaced_by=row.replaced_by,
        wording=row.wording,
        sources=tuple(row.sources),
        maps=tuple(row.maps),
        min_cases=row.min_cases or 0,
    )


def _attested(row: AttestedRow) -> AttestedRule:
    check = row.link_check_days
    return AttestedRule(
        link=row.link,
        fields=tuple(FieldRule(field.name, field.kind, field.least) for field in row.fields),
        valid_for=timedelta(days=row.valid_days),
        confirm=row.confirm,
        link_check=None if check is None else timedelta(days=check),
    )


def _measured(row: MeasuredRow) -> MeasuredRule:
    return MeasuredRule(
        metric=row.metric,
        params=MappingProxyType(dict(row.params)),
        threshold=Threshold(row.threshold.op, row.threshold.value, row.threshold.unit),
        window=parse_duration(row.window),
        min_n=row.min_n,
        open_count=row.open_cases,
        clock=row.clock,
    )
