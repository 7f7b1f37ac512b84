"""The guide's examples are run: each one answers as the text around it says."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.admin.parts import COMPANY, ENV, TEAMS, Port, serving
from tests.records import finished, record

GUIDE = Path(__file__).parents[2] / "docs" / "admin.md"
CONFIG = {**COMPANY, "teams/search.toml": COMPANY["teams/search.toml"] + TEAMS["teams/search.toml"]}
IT_WENT_ON = 28  # what curl says when its time is over
LIVE_S = 1


def examples() -> list[str]:
    """Return every command of the guide."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return [line for block in blocks for line in block.replace("\\\n", "").splitlines() if line]


async def run(port: Port, command: str, exchange_id: str, folder: Path) -> tuple[int, str]:
    """Run a command of the guide against this port; return its exit status and what it says."""
    here = command.replace("127.0.0.1:8081", f"127.0.0.1:{port.client.port}")
    if " -N " in here:
        here = here.replace("curl", f"curl --max-time {LIVE_S}", 1)
    process = await asyncio.create_subprocess_shell(
        here.replace("curl", "curl --silent --fail-with-body --noproxy '*'", 1),
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env={"ID": exchange_id, "PATH": "/usr/bin:/bin:/usr/local/bin"},
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
async def test_every_command_of_the_guide_answers(tmp_path: Path) -> None:
    """None is refused, and what is changed is changed."""
    async with serving(tmp_path, CONFIG, ENV) as port:
        one = record()
        port.store.commit([finished(one, b"refund", b"yes")], {})
        said = {command: await run(port, command, one.id, tmp_path) for command in examples()}
        [daily] = [budget for budget in (await port.get(""))["budgets"] if budget["id"] == "search/daily"]

    assert [] == [
        (command, text)
        for command, (status, text) in said.items()
        if status != (IT_WENT_ON if " -N " in command else 0)
    ]
    assert len(said) > 15
    assert b"yes" == (tmp_path / f"{one.id}.response").read_bytes()
    assert "20" == daily["balances"][0]["raised_usd"]
    [found] = [text for command, (_, text) in said.items() if "text=refund" in command]
    assert one.id in found


def test_the_guide_names_every_path() -> None:
    """Whoever reads it knows what there is, at least by the beginning of it."""
    text = GUIDE.read_text()

    for path in ("status", "exchanges", "exchanges/live", "spend", "keys", "teams", "models", "config", "providers"):
        assert f"/api/{path}" in text
