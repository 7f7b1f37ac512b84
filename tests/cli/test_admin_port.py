"""Commands reach the running gateway with the config that it was started with, or say why not and what to do."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import typer

from gateway.cli import admin_port
from gateway.cli.admin_port import AdminPort


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[int, list[Any]]]:
    """Serve one answer to everything; give the port, and what was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            serving.join()


def port_of(folder: Path, port: int, more: str = "", host: str = "127.0.0.1") -> AdminPort:
    """Make the port that a config names."""
    config = folder / "config.toml"
    config.write_text(f'[server]\nadmin = "{host}:{port}"\n{more}')
    return AdminPort(config, {"amount_usd": "AMOUNT"})


def refused(folder: Path, capsys: pytest.CaptureFixture[str], status: int, body: bytes) -> tuple[int, str]:
    """Ask somebody who answers so; return the exit code and what is said."""
    with answering(status, body) as (port, _), pytest.raises(typer.Exit) as ended:
        port_of(folder, port).get("/api", {})
    return ended.value.exit_code, capsys.readouterr().err


def test_questions_and_orders_carry_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not given is not sent; orders are JSON. No proxy is asked, though one is set."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("THE_TOKEN", "s3cret")
    with answering(200, b'{"a":1}') as (port, asked):
        admin = port_of(tmp_path, port, 'admin_token = "env:THE_TOKEN"')
        assert {"a": 1} == admin.get("/api/x", {"team": "a b", "limit": 5, "none": None})
        assert {"a": 1} == admin.post("/api/y", {"who": "é", "none": None})

    assert [("GET", "/api/x?team=a+b&limit=5", b""), ("POST", "/api/y", '{"who":"é"}'.encode())] == [
        (method, path, body) for method, path, _, body in asked
    ]
    assert ["Bearer s3cret"] * 2 == [headers["Authorization"] for _, _, headers, _ in asked]
    assert "application/json" == asked[1][2]["Content-Type"]


@pytest.mark.parametrize(
    ("listens", "asked"), [("0.0.0.0", "127.0.0.1:8081"), ("[::]", "[::1]:8081"), ("10.0.0.5", "10.0.0.5:8081")]
)
def test_who_listens_everywhere_is_asked_here(tmp_path: Path, listens: str, asked: str) -> None:
    """An address that stands for all cannot be called."""
    (tmp_path / "token").write_text("s3cret")

    assert f"http://{asked}" == port_of(tmp_path, 8081, 'admin_token = "file:token"', listens).url


def test_without_a_gateway_it_says_how_to_start_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and where it was looked for."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
    with pytest.raises(typer.Exit) as ended:
        port_of(tmp_path, port).get("/api", {})
    said = capsys.readouterr().err

    assert 2 == ended.value.exit_code
    for part in (f"no gateway answers at http://127.0.0.1:{port}", "tollway serve", "--config"):
        assert part in said


def test_a_gateway_that_says_nothing_is_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may hang."""
    monkeypatch.setattr(admin_port, "TIMEOUT_S", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(typer.Exit) as ended:
            port_of(tmp_path, silent.getsockname()[1]).get("/api", {})

    assert 1 == ended.value.exit_code
    assert "does not answer in time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "code", "said"),
    [
        (400, b'{"error":{"message":"amount_usd: is odd","param":"amount_usd"}}', 2, "AMOUNT: is odd\n"),
        (400, b'{"error":{"message":"other: is odd","param":"other"}}', 2, "other: is odd\n"),
        (404, b'{"error":{"message":"there is no budget"}}', 1, "there is no budget\n"),
        (401, b'{"error":{"message":"this port needs"}}', 1, "wants another admin_token"),
        (503, b'{"error":{"message":"try again"}}', 1, "try again\n"),
        (502, b"<html>", 1, "is not the admin port"),
        (502, b"[]", 1, "is not the admin port"),
        (502, b'{"error":5}', 1, "is not the admin port"),
        (200, b"<html>", 1, "is not the admin port"),
    ],
)
def test_what_it_refuses_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, body: bytes, code: int, said: str
) -> None:
    """In the words of the command line; and whether it is the gateway at all that answers."""
    ended, err = refused(tmp_path, capsys, status, body)

    assert code == ended
    assert said in err


def test_a_token_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The gateway was started where it was."""
    with pytest.raises(typer.Exit):
        port_of(tmp_path, 1, 'admin_token = "env:NO_SUCH_TOKEN"')

    assert "NO_SUCH_TOKEN is not set" in capsys.readouterr().err
