"""`tollway top` over a real gateway, over a port that answers oddly, and in a terminal."""

import contextlib
import os
import pty
import select
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.admin_port import AdminPort, NoAnswer
from gateway.cli.top import Watch
from tests.cli.commands import ROOT, run
from tests.gateway import standing_before
from tests.provider import answer, providing

PAGE = b'tollway_build_info{version="9.9",python="3"} 1\ntollway_worker_up{worker="0"} 1\n'
SPEND = {"team": "search", "requests": 3, "input_tokens": 5, "output_tokens": 6, "cost_nano_usd": 5, "cost_usd": "0.5"}
ANSWERS = {
    "/metrics": (200, PAGE),
    "/api/spend": (200, msgspec.json.encode({"by": "team", "spend": [SPEND]})),
    "/api/budgets": (503, b'{"error":{"message":"nobody keeps the ledger"}}'),
    "/api/exchanges": (200, b'{"exchanges":[]}'),
}


@contextlib.contextmanager
def port(answers: Mapping[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """Serve these answers by path; give the address, and what was asked with which credential."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization")))
            status, body = answers.get(self.path.partition("?")[0], (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            serving.join()


def test_real_gateway(tmp_path: Path) -> None:
    """What went through is on the screen: requests, the team, the provider, the failure."""
    body = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
    with providing(lambda _: answer(body)) as provider, standing_before(provider, tmp_path) as gateway:
        for model in ("gpt-4o-mini", "gpt-4o-mini"):
            gateway.post("/v1/chat/completions", {"model": model, "messages": []})
        gateway.post("/nowhere", {})
        gateway.wait_rows(3)
        url = f"http://127.0.0.1:{gateway.admin_port}"
        (found,) = run(tmp_path, "top", "--json", "--every", "0.1", "--url", url).lines
        screen = run(tmp_path, "top", "--once", "--every", "0.1", "--url", url, "--by", "model")

    assert (1, 1, True, url) == (found["workers_up"], found["workers"], found["config_is_sound"], found["url"])
    (busy,) = found["busiest"]["rows"]
    assert ("search", 3) == (busy["name"], busy["requests"])
    assert [("client_error", 404)] == [(one["outcome"], one["status"]) for one in found["failures"]]
    assert {} == found["missing"]
    assert 0 == screen.code
    for part in ("workers 1/1", "MODEL, LAST 1H", "gpt-4o-mini", "client_error", "no budget is in use"):
        assert part in screen.text


def test_one_table_that_cannot_be_filled_hides_no_other(tmp_path: Path) -> None:
    """It says why, in its place."""
    with port(ANSWERS) as (url, _):
        (found,) = run(tmp_path, "top", "--json", "--every", "0.1", "--url", url).lines

    assert {"budgets": "nobody keeps the ledger"} == found["missing"]
    assert ["search"] == [one["name"] for one in found["busiest"]["rows"]]


def test_answers_of_another_version_say_so(tmp_path: Path) -> None:
    """A field that is not there ends no screen."""
    with port({**ANSWERS, "/api/spend": (200, b'{"by":"team","spend":[{}]}'), "/api/exchanges": (200, b"[]")}) as (
        url,
        _,
    ):
        (found,) = run(tmp_path, "top", "--json", "--every", "0.1", "--url", url).lines

    assert {"busiest", "budgets", "failures"} == found["missing"].keys()
    assert "of another version" in found["missing"]["busiest"]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ((200, b"<html>"), "are no metrics of a gateway"),
        ((200, b"up 1\n"), "are no metrics of a gateway"),
        ((401, b'{"error":{"message":"no"}}'), "wants another admin_token"),
    ],
)
def test_who_is_no_gateway(tmp_path: Path, page: tuple[int, bytes], said: str) -> None:
    """Is named in one line."""
    with port({"/metrics": page}) as (url, _):
        result = run(tmp_path, "top", "--once", "--url", url)

    assert (1, 1, True) == (result.code, len(result.err.splitlines()), said in result.err)


def test_nobody_there(tmp_path: Path) -> None:
    """Exit code 2, and how to start one."""
    result = run(tmp_path, "top", "--once", "--url", "http://127.0.0.1:1")

    assert 2 == result.code
    assert "no gateway answers at http://127.0.0.1:1" in result.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--url", "127.0.0.1:8081"], "--url"),
        (["--url", "ftp://x"], "--url"),
        (["--url", "http://user:secret@x"], "--url"),
        (["--token", "s3cret"], "--token"),
        (["--every", "0"], "--every"),
        (["--by", "colour"], "--by"),
        ([], "--once"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, options: list[str], said: str) -> None:
    """Exit code 2 and the option; a secret is never repeated."""
    result = run(tmp_path, "top", *options)

    assert (2, True) == (result.code, said in result.err)
    assert "secret" not in result.err
    assert "s3cret" not in result.err


def test_token_goes_where_it_belongs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the config to the gateway of the config; to another one only what was given for it."""
    monkeypatch.setenv("OURS", "ours")
    monkeypatch.setenv("THEIRS", "theirs")
    with port(ANSWERS) as (url, asked):
        config = tmp_path / "config.toml"
        config.write_text(f'[server]\nadmin = "{url[7:]}"\nadmin_token = "env:OURS"\n')
        for where, token in ((None, None), (url, None), (url, "env:THEIRS")):
            asked.append(("-", None))
            Watch(AdminPort(config, {}, where, token), "team").look()

    sent = [credential for path, credential in asked if path == "/metrics"]
    assert ["Bearer ours", None, "Bearer theirs"] == sent


def test_gateway_that_goes_away_leaves_the_last_screen(tmp_path: Path) -> None:
    """With a word that nothing is new, until it is back."""
    config = tmp_path / "config.toml"
    config.write_text("")
    with port(ANSWERS) as (url, _):
        watch = Watch(AdminPort(config, {}, url), "team")
        before = watch.look()
    with pytest.raises(NoAnswer) as gone:
        watch.look()
    view = watch.fail(gone.value)

    assert view is before
    assert str(view.trouble).startswith("no news: no gateway answers")


def test_tables_are_asked_for_now_and_then(tmp_path: Path) -> None:
    """Not with each look at the numbers; at once when others are wanted."""
    config = tmp_path / "config.toml"
    config.write_text("")
    with port(ANSWERS) as (url, asked):
        watch = Watch(AdminPort(config, {}, url), "team")
        watch.look()
        kept = watch.look()
        watch.by = "model"
        watch.look()

    assert ["/api/spend?by=team&since=1h", "/api/spend?by=model&since=1h"] == [
        path for path, _ in asked if "spend" in path
    ]
    assert ["search"] == [one.name for one in kept.busiest]


def test_keys_in_a_terminal(tmp_path: Path) -> None:
    """A letter switches the table, q ends it with 0 and gives the terminal back as it was."""
    (tmp_path / "config.toml").write_text("")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    before = termios.tcgetattr(theirs)
    with port(ANSWERS) as (url, _):
        command = [sys.executable, "-m", "gateway", "top", "--config", str(tmp_path / "config.toml"), "--url", url]
        environment = {**os.environ, "TERM": "xterm"}
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment)
        seen = b""
        for key, awaited in ((b"", b"TEAM, LAST 1H"), (b"xm", b"MODEL, LAST 1H"), (b"q", b"")):
            os.write(ours, key)
            seen = _read(ours, awaited)
        status = process.wait(20)

    assert 0 == status, seen
    assert before == termios.tcgetattr(theirs)
    os.close(ours)
    os.close(theirs)


def test_a_terminal_that_is_gone_ends_it(tmp_path: Path) -> None:
    """Nobody is left to look: no process goes on, and nothing is told as a defect."""
    (tmp_path / "config.toml").write_text("")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    with port(ANSWERS) as (url, _):
        command = [sys.executable, "-m", "gateway", "top", "--config", str(tmp_path / "config.toml"), "--url", url]
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(theirs)
        _read(ours, b"TEAM, LAST 1H")
        os.close(ours)
        _, said = process.communicate(timeout=20)

    assert (0, b"") == (process.returncode, said)


def _read(terminal: int, awaited: bytes) -> bytes:
    """Read until something is there."""
    seen, until_s = b"", time.monotonic() + 20
    while awaited not in seen and time.monotonic() < until_s:
        if select.select([terminal], [], [], 0.5)[0]:
            seen += os.read(terminal, 65536)
    assert awaited in seen, seen
    return seen
