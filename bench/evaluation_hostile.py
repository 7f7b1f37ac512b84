"""What do bad plugins cost those who ask? One load on a gateway without evaluation, and on one with the worst of it.

In between on one without evaluation beside other programs of the lowest priority, as many as there are processors: that
is what it costs on this machine that something runs in the background at all.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Final

import aiohttp

from bench.beside import SETTLE_S, load, ready
from bench.busy import busy
from bench.cases import write_bodies
from bench.contenders import CHAT
from bench.gateway_config import Setup, write
from bench.hostile_plugins import HOSTILE
from bench.processes import stop
from bench.provider import Provider, free_port

GOOD: Final = ("json_valid", "truncated", "empty_answer", "refusal")
RATE: Final = 100.0


def compare(rounds: int, seconds: float) -> None:
    """Measure in turns and print what comes out."""
    took: dict[str, list[float]] = {"without": [], "background": [], "hostile": []}
    with ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory()))
        write_bodies(folder)
        provider = Provider.start(folder, tls=False)
        cleanup.callback(provider.stop)
        body = (folder / "json.json").read_bytes()
        for number in range(rounds):
            for name, all_ms in took.items():
                with busy(os.cpu_count() or 1) if name == "background" else nullcontext():
                    evaluates = name == "hostile"
                    one_ms, said = one(folder / f"{number}-{name}", provider, body, seconds, evaluates=evaluates)
                all_ms.extend(one_ms)
                print(f"{name:10} p99 {p99(one_ms):6.2f} ms of {len(one_ms):,} requests {said}", flush=True)
    for name, all_ms in took.items():
        print(f"{name:10} p99 {p99(all_ms):6.2f} ms, {p99(all_ms) / p99(took['without']):.2f} times that without")


def p99(took_ms: list[float]) -> float:
    """Return what 99 of 100 took at most."""
    return sorted(took_ms)[len(took_ms) * 99 // 100]


def one(folder: Path, provider: Provider, body: bytes, seconds: float, *, evaluates: bool) -> tuple[list[float], str]:
    """Load one gateway; return what requests took, and who was shut out meanwhile."""
    agents, people = (f"127.0.0.1:{free_port()}" for _ in range(2))
    config = write(folder, Setup(upstream=f"{provider.url}/v1", listen=agents, admin=people))
    if evaluates:
        add_evaluators(config)
    words = [sys.executable, "-m", "gateway", "serve", "--config", str(config)]
    with (folder / "gateway.log").open("wb") as log:
        gateway = subprocess.Popen(words, process_group=0, stdout=log, stderr=log, env=os.environ | {})
    try:
        return asyncio.run(_measured(f"http://{agents}{CHAT}", f"http://{people}", body, seconds, evaluates=evaluates))
    finally:
        stop(gateway)


def add_evaluators(config: Path) -> None:
    """Let the good and the bad look at everything."""
    plugins = Path(__file__).with_name("hostile_plugins.py")
    tables = [
        f'[[evaluators]]\nname = "{name.lower()}"\nuse = "file:{plugins}:{name}"\ntimeout = "2 s"\nmemory = "256 MiB"\n'
        for name in HOSTILE
    ]
    config.write_text("\n".join([config.read_text(), *tables]))
    names = ", ".join(f'"{name}"' for name in (*GOOD, *(name.lower() for name in HOSTILE)))
    (team,) = (config.parent / "teams").glob("*.toml")
    team.write_text(f"{team.read_text()}\n[evaluation]\nsample = 1.0\nevaluators = [{names}]\n")


async def _measured(url: str, admin: str, body: bytes, seconds: float, *, evaluates: bool) -> tuple[list[float], str]:
    await ready(admin)
    failed: list[int] = []
    await load(url, body, RATE, SETTLE_S, [])
    took_ms = await load(url, body, RATE, seconds, failed)
    lines = (await _page(admin)).splitlines()
    out = [line.partition('"')[2].partition('"')[0] for line in lines if _shows_quarantine(line)]
    return took_ms, f"({len(failed)} failed; in quarantine: {', '.join(out) or 'none'})"


async def _page(admin: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{admin}/metrics") as answer:
        return await answer.text()


def _shows_quarantine(line: str) -> bool:
    return line.startswith("tollway_eval_quarantined{") and line.endswith(" 1.0")
