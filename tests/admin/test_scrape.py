"""A scrape gets what it accepts, from whoever carries the right token; promtool finds nothing to say about it."""

import gzip
import shutil
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from gateway.metrics import board
from gateway.metrics.board import Board
from tests.admin.parts import Port, serving
from tests.gateway import Gateway, standing_before
from tests.provider import answer, providing, until
from tests.records import finished, record

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
DONE = b'{"id":"c","model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":100}}'
STORED = "tollway_exchanges_stored_total"
TOKENS = 'admin_token = "file:admin.token"\nmetrics_token = "file:metrics.token"\n'


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    """An admin port."""
    async with serving(tmp_path) as port:
        yield port


async def test_the_page_is_packed_for_who_can_unpack_it(port: Port) -> None:
    """By gzip, and only where that was offered."""
    port.store.commit([finished(record())], {})
    packed = await port.ask("/metrics", Accept_Encoding="gzip")
    unpacked = await port.ask("/metrics", Accept_Encoding="identity")

    assert ("gzip", None) == (packed.headers.get("Content-Encoding"), unpacked.headers.get("Content-Encoding"))
    assert b"tollway_team_requests_total" in await unpacked.read()
    assert b"tollway_team_requests_total" in await packed.read()  # the client unpacks it
    assert int(packed.headers["Content-Length"]) < int(unpacked.headers["Content-Length"])


async def test_openmetrics_where_it_is_accepted(port: Port) -> None:
    """Exemplars are only there."""
    port.store.commit([finished(record())], {})
    answers = [await port.ask("/metrics", Accept=accept) for accept in ("", OPENMETRICS)]
    texts = [await one.text() for one in answers]

    assert ["text/plain", "application/openmetrics-text"] == [one.content_type for one in answers]
    assert [False, True] == [text.endswith("# EOF\n") for text in texts]


@pytest.mark.parametrize(
    ("admin", "metrics", "given", "statuses"),
    [
        (None, None, None, (200, 200)),
        ("a", None, None, (401, 401)),
        ("a", None, "a", (200, 200)),
        ("a", "m", "a", (200, 200)),
        ("a", "m", "m", (200, 401)),
        (None, "m", None, (401, 200)),
        (None, "m", "m", (200, 200)),
        (None, "m", "a", (401, 200)),
    ],
)
async def test_prometheus_needs_no_key_to_the_budgets(
    port: Port, admin: str | None, metrics: str | None, given: str | None, statuses: tuple[int, int]
) -> None:
    """With a metrics_token the page wants that one or the admin's, and it opens nothing else."""
    port.token, port.metrics_token = admin, metrics
    headers = {"Authorization": f"Bearer {given}"} if given else {}
    answers = [await port.ask(path, **headers) for path in ("/metrics", "/api/spend")]

    assert statuses == tuple(answer.status for answer in answers)


@pytest.mark.parametrize("accept", ["text/plain", OPENMETRICS])
def test_promtool_has_nothing_to_say(accept: str, tmp_path: Path) -> None:
    """A whole gateway's page, with an exchange in it and the tokens asked for, in both formats."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    for name in ("admin", "metrics"):
        (tmp_path / f"{name}.token").write_text(f"{name} token\n")
    with (
        providing(lambda _: answer(DONE)) as provider,
        standing_before(provider, tmp_path, ["openai"], server=TOKENS, models='["gpt-4o-mini"]') as gateway,
    ):
        assert 200 == gateway.post("/v1/chat/completions", {"model": "gpt-4o-mini"}).status
        assert 403 == gateway.post("/v1/organization/users", {}).status
        assert 401 == gateway.post("/v1/chat/completions", {}, key="of nobody").status
        page = until(lambda: _page_with(gateway, accept, f"{STORED} 2.0"), "both exchanges are on the page")
    lines = page.splitlines()
    books = ("tollway_exchanges_accepted_total 2.0", "tollway_exchanges_running 0.0", "tollway_exchanges_spooled 0.0")
    shared = Board(tmp_path / "data" / "board")
    cells = ((0, board.ACCEPTED), (0, board.ENDED), (board.RECORDER, board.EARLIER))
    counts = [shared.slot(row).get(cell) for row, cell in cells]
    assert set(books) <= set(lines), "who is not known begins no exchange"
    assert [2, 2, 0] == counts
    if accept == OPENMETRICS:
        page = _as_text_format(page)
    checked = subprocess.run([promtool, "check", "metrics"], input=page, text=True, capture_output=True, check=False)

    assert ("", "", 0) == (checked.stdout, checked.stderr, checked.returncode)


def _as_text_format(page: str) -> str:
    """Turn OpenMetrics, which promtool does not read, into what it reads; before that a strict parser reads it."""
    counters = {family.name for family in openmetrics(page) if family.type == "counter"}
    lines = [line.partition(" # {")[0] for line in page.splitlines() if line != "# EOF"]
    heads = {f"# {word} {name} ": f"# {word} {name}_total " for name in counters for word in ("HELP", "TYPE")}
    renamed = [heads[start] + line.removeprefix(start) if (start := _start(line)) in heads else line for line in lines]
    return "\n".join(renamed) + "\n"


def _start(line: str) -> str:
    return " ".join(line.split(" ")[:3]) + " "


def _page_with(gateway: Gateway, accept: str, wanted: str) -> str | None:
    """Scrape as Prometheus does."""
    headers = {"Accept": accept, "Accept-Encoding": "gzip", "Authorization": "Bearer metrics token"}
    asked = urllib.request.Request(f"http://127.0.0.1:{gateway.admin_port}/metrics", headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=20) as reply:
        page = gzip.decompress(reply.read()).decode()
    return page if wanted in page else None
