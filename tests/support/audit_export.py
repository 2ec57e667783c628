"""What one reader gets of the record over HTTP, kept in a folder that the separate verifier reads."""

from pathlib import Path

from services.audit import verify
from services.audit.tlog.note import SigningKey
from services.audit.tlog.tiles import all_tiles
from tests.support.audit_rig import ORIGIN, SIGNING_KEY
from tests.support.audit_world import AuditWorld

KEYS = [verify.Key.parse(str(SigningKey(ORIGIN, SIGNING_KEY).verifier))]


async def export(world: AuditWorld, headers: dict[str, str], folder: Path) -> Path:
    """Fetch the lists, and every checkpoint, tile and bundle of every log; returns the folder."""

    async def fetch(path: str, file: Path) -> None:
        answer = await world.client.get(f"/v1/record/{path}", headers=headers)
        assert answer.status_code == 200, (path, answer.text)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)

    for name in ("logs", "keys"):
        await fetch(name, folder / f"{name}.json")
    for log in (await world.client.get("/v1/record/logs", headers=headers)).json()["items"]:
        for name in ("checkpoint", *(tile.path for tile in all_tiles(log["size"]))):
            await fetch(f"{log['path']}/{name}", folder / log["path"] / name)
    return folder


def check(folder: Path, seen: dict[str, verify.Seen] | None = None) -> verify.Report:
    """What the verifier says of an exported record."""
    return verify.verify(verify.open_source(str(folder)), KEYS, seen=seen)
