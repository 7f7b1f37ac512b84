"""How do commands reach the running gateway? Its admin port, with the token of the same config."""

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from gateway.cli.options import PROBLEM, USAGE, fail, load
from gateway.config.secret import MissingSecret, reveal
from gateway.config.values import split_address
from gateway.policies.snapshot import Address

TIMEOUT_S: Final = 20.0  # longer than the port may look for an answer, so that it can say why it has none
_NOTHING: Final[Mapping[str, str]] = {}
# Who listens everywhere is reached here.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 nothing is bound here


class NoAnswer(Exception):
    """Nobody answered, or with a no; the text says why and what to do. `code`: what a command exits with for it."""

    def __init__(self, message: str, code: int = PROBLEM) -> None:
        super().__init__(message)
        self.code = code


class AdminPort:
    """The admin port of the gateway that a config describes. Where it has no answer, the command ends and says why.

    `options`: what the fields of a question are called on the command line. `url`, `token`: of a gateway elsewhere,
    instead of the config's; the token as config names secrets.
    """

    def __init__(
        self, config: Path | None, options: Mapping[str, str], url: str | None = None, token: str | None = None
    ) -> None:
        loaded = load(config)
        host, port = split_address(loaded.company.server.admin)
        self.url = _checked(url) if url else f"http://{Address(_EVERYWHERE.get(host, host), port)}"
        self._options = options
        self._headers = {"Accept": "application/json"}
        # The token of this config belongs to the gateway of this config.
        secret = token or (None if url else loaded.company.server.admin_token)
        if secret is not None:
            try:
                self._headers["Authorization"] = f"Bearer {reveal(secret, os.environ, loaded.root)}"
            except MissingSecret as error:
                where = "--token" if token else f"{loaded.file}: server.admin_token"
                fail(f"{where}: {error}; the running gateway asks for it")

    def get(self, path: str, asked: Mapping[str, str | int | None]) -> Any:
        """Ask. `asked`: parameters; None: not given."""
        try:
            return self.ask(path, asked)
        except NoAnswer as error:
            fail(str(error), error.code)

    def post(self, path: str, order: Mapping[str, object]) -> Any:
        """Order something. `order`: its fields; None: not given."""
        body = msgspec.json.encode({name: value for name, value in order.items() if value is not None})
        try:
            return self._decoded(self._answer(path, body))
        except NoAnswer as error:
            fail(str(error), error.code)

    def ask(self, path: str, asked: Mapping[str, str | int | None]) -> Any:
        """Ask, for a command that goes on without an answer; raise NoAnswer."""
        given = {name: value for name, value in asked.items() if value is not None}
        return self._decoded(self._answer(path + (f"?{urlencode(given)}" if given else ""), None))

    def text(self, path: str) -> str:
        """Fetch what is no JSON; raise NoAnswer."""
        return self._answer(path, None, {"Accept": "text/plain"}).decode(errors="replace")

    def _answer(self, path: str, body: bytes | None, more: Mapping[str, str] = _NOTHING) -> bytes:
        headers = {**self._headers, **more} if body is None else {**self._headers, "Content-Type": "application/json"}
        asked = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 http and https only
        # Our own machine, or one that was named: never by a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=TIMEOUT_S) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, error.read()) from None
        except TimeoutError:
            raise NoAnswer(f"the gateway at {self.url} does not answer in time: see its log") from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise NoAnswer(
                f"no gateway answers at {self.url} ({getattr(reason, 'strerror', None) or reason}): start one with "
                "`tollway serve`, or name the configuration of the one that runs with --config",
                USAGE,
            ) from None

    def _decoded(self, body: bytes) -> Any:
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError:
            raise NoAnswer(self._stranger()) from None

    def _refused(self, status: int, body: bytes) -> NoAnswer:
        try:
            error = msgspec.json.decode(body)["error"]
            message, param = str(error["message"]), error.get("param", "")
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            return NoAnswer(self._stranger())
        if status == 401:
            return NoAnswer(f"the gateway at {self.url} wants another admin_token than this configuration has")
        if param in self._options:
            message = f"{self._options[param]}: {message.removeprefix(f'{param}: ')}"
        return NoAnswer(message, USAGE if status == 400 else PROBLEM)

    def _stranger(self) -> str:
        return f"what answers at {self.url} is not the admin port of a gateway of this version ([server] admin)"


def _checked(url: str) -> str:
    """Read the address of a gateway elsewhere."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        fail('--url: expected "http://HOST:PORT", the address of an admin port', USAGE)
    return url.rstrip("/")
