"""How do commands reach the running gateway? Its admin port, with the token of the same config."""

import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from gateway.cli.options import PROBLEM, USAGE, fail, load
from gateway.config.secret import MissingSecret, reveal
from gateway.config.values import split_address
from gateway.policies.snapshot import Address

TIMEOUT_S: Final = 10.0
# Who listens everywhere is reached here.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 nothing is bound here


class AdminPort:
    """The admin port of the gateway that a config describes. Where it has no answer, the command ends and says why.

    `options`: what the fields of a question are called on the command line.
    """

    def __init__(self, config: Path | None, options: Mapping[str, str]) -> None:
        loaded = load(config)
        host, port = split_address(loaded.company.server.admin)
        self.url = f"http://{Address(_EVERYWHERE.get(host, host), port)}"
        self._options = options
        self._headers = {"Accept": "application/json"}
        if secret := loaded.company.server.admin_token:
            try:
                self._headers["Authorization"] = f"Bearer {reveal(secret, os.environ, loaded.root)}"
            except MissingSecret as error:
                fail(f"{loaded.file}: server.admin_token: {error}; the running gateway asks for it")

    def get(self, path: str, asked: Mapping[str, str | int | None]) -> Any:
        """Ask. `asked`: parameters; None: not given."""
        given = {name: value for name, value in asked.items() if value is not None}
        return self._answer(path + (f"?{urlencode(given)}" if given else ""), None)

    def post(self, path: str, order: Mapping[str, object]) -> Any:
        """Order something. `order`: its fields; None: not given."""
        return self._answer(
            path, msgspec.json.encode({name: value for name, value in order.items() if value is not None})
        )

    def _answer(self, path: str, body: bytes | None) -> Any:
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        asked = urllib.request.Request(self.url + path, body, headers)  # noqa: S310 http only
        # Our own machine, never by a proxy.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(asked, timeout=TIMEOUT_S) as answer:
                return msgspec.json.decode(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                self._refused(error.code, error.read())
        except msgspec.DecodeError:
            fail(self._stranger())
        except TimeoutError:
            fail(f"the gateway at {self.url} does not answer in time: see its log")
        except OSError as error:
            reason = getattr(error, "reason", error)
            fail(
                f"no gateway answers at {self.url} ({getattr(reason, 'strerror', None) or reason}): start one with "
                "`tollway serve`, or name the configuration of the one that runs with --config",
                USAGE,
            )

    def _refused(self, status: int, body: bytes) -> None:
        try:
            error = msgspec.json.decode(body)["error"]
            message, param = str(error["message"]), error.get("param", "")
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            fail(self._stranger())
        if status == 401:
            fail(f"the gateway at {self.url} wants another admin_token than this configuration has")
        if param in self._options:
            message = f"{self._options[param]}: {message.removeprefix(f'{param}: ')}"
        fail(message, USAGE if status == 400 else PROBLEM)

    def _stranger(self) -> str:
        return f"what answers at {self.url} is not the admin port of a gateway of this version ([server] admin)"
