"""`hearth verify`: the verifier of the record, and scorecards computed anew from the record that it checked."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.commands.console import USAGE
from services.audit import verify
from services.audit.scorecard.recompute import OutsideRecord, Recomputed, find_divergences, recompute, shown_in
from shared.policy import PolicyError, load_policy
from shared.policy.baseline import catalogue_versions
from shared.problems import NotFound

MOST_BYTES = 4 * 2**20
_UNCHECKED = (verify.UnverifiableError, verify.MissingError, PolicyError, OSError, ValueError, NotFound, KeyError)


def build_parser() -> argparse.ArgumentParser:
    """The command line: that of the verifier, and the options for scorecards."""
    parser = argparse.ArgumentParser(
        prog="hearth verify",
        parents=[verify.build_parser()],
        add_help=False,
        description=verify.build_parser().description,
    )
    add = parser.add_argument
    add("--scorecard", metavar="COMMUNITY", help="then compute the scorecard of a community anew, and compare it")
    add(
        "--published",
        type=Path,
        metavar="FILE",
        help="compare with this JSON; else with that of the address",
    )
    add("--policy-dir", type=Path, metavar="FOLDER", help="the policy of the deployment, where it has one of its own")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Verify the record, then the scorecard. Exit status: 0 the same, 1 something differs, 2 not checkable."""
    args = build_parser().parse_args(argv)
    status = verify.check(args)
    if args.scorecard is None or status:
        return status
    try:
        result, lines = asyncio.run(_compare(args))
    except _UNCHECKED as error:
        reason = "there is no such scorecard" if isinstance(error, NotFound) else str(error)
        print(f"Not compared: {reason}", file=sys.stderr)
        return USAGE
    print(json.dumps(result) if args.json else "\n".join(lines))
    return 0 if result["same"] else 1


async def _compare(args: argparse.Namespace) -> tuple[dict[str, object], list[str]]:
    policy, catalogues = load_policy(args.policy_dir), catalogue_versions(args.policy_dir)
    source = verify.open_source(args.place, verify.read_token(args))
    sealed: int | None
    digest: str | None
    try:
        # First, because a record that goes on has the checkpoint of everything that was published before.
        published = _published(args, source)
        logs = verify.read_listed(source.read_list("logs"), verify.Report())
        record = OutsideRecord(source, logs)
        shown = await shown_in(record, args.scorecard)
        if published is not None:
            sealed, digest = int(published["as_of"]["sealed"]), str(published["digest"])
        elif shown is not None:
            sealed, digest = shown.sealed, shown.digest
        else:
            sealed, digest = None, None
        found = await recompute(record, args.scorecard, sealed, policy, catalogues)
    finally:
        source.close()
    differences = find_divergences(published, found.document) if published else []
    same = digest is None or digest == found.document["digest"]
    result: dict[str, object] = {
        "scorecard": args.scorecard,
        "sealed": found.document["as_of"]["sealed"],
        "digest": found.document["digest"],
        "expected": digest,
        "same": same,
        "withheld": found.withheld,
        "differs": [{"part": d.part, "published": d.published, "computed": d.computed} for d in differences],
    }
    return result, _say(result, found)


def _published(args: argparse.Namespace, source: verify.Source) -> dict[str, Any] | None:
    """The scorecard to compare with: from the file, or from the service at the address; None if there is neither."""
    if args.published is not None:
        return dict(json.loads(args.published.read_text(encoding="utf-8")))
    if isinstance(source, verify.Web):
        for door in ("audit/scorecard", "scorecard"):
            try:
                return dict(json.loads(source.read_beside(f"{door}/{args.scorecard}.json", MOST_BYTES)))
            except (verify.MissingError, verify.UnverifiableError):
                continue
    return None


def _say(result: dict[str, Any], found: Recomputed) -> list[str]:
    card = found.document
    lines = [
        f"Scorecard of {result['scorecard']} at entry {result['sealed']} of the seal log ({card['as_of']['at']}):",
        f"  level {card['level_reached']}, computed digest {result['digest']}",
    ]
    if result["expected"] is None:
        return [*lines, "  Nothing to compare it with: the record tells no digest of it, and no scorecard was given."]
    if result["same"]:
        return [*lines, "  It is the one that was published."]
    lines.append(f"  It is not the one that was published: {result['expected']}")
    lines += [
        f"  {one['part']}: published {_short(one['published'])}, computed {_short(one['computed'])}"
        for one in result["differs"]
    ]
    if result["withheld"]:
        lines.append(
            f"  The record withholds {result['withheld']} entries from this reader. What they say is missing here, so"
            " measured items may differ for that reason alone."
        )
    return lines


def _short(value: Any) -> str:
    if isinstance(value, dict) and "outcome" in value:
        return f"{value['outcome']} ({value['reason']})"
    return json.dumps(value)
