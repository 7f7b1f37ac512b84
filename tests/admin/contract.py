"""The admin port's OpenAPI file as a judge: it looks at real answers, and remembers which promises they kept."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from aiohttp import ClientResponse
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from gateway.admin.openapi import document
from tests.admin.parts import Port

NAME = "urn:tollway:admin"
METHODS = ("get", "post")


class Promise(NamedTuple):
    """An answer that the file promises."""

    method: str
    path: str
    status: str


class Judge:
    """`seen`: the promises that real answers have kept."""

    def __init__(self) -> None:
        self.document = document()
        self.seen: set[Promise] = set()
        self._registry: Registry[Any] = Registry().with_resource(NAME, DRAFT202012.create_resource(self.document))

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Yield (method, path, operation)."""
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method, path, item[method]

    def promises(self) -> set[Promise]:
        """Return all answers that the file promises."""
        return {
            Promise(method, path, status)
            for method, path, operation in self.operations()
            for status in operation["responses"]
        }

    def parameters(self, method: str, path: str, where: str = "query") -> list[dict[str, Any]]:
        """Return the parameters of an operation that stand in one place."""
        item = self.document["paths"][path]
        found = [self.look_up(one) for one in (*item.get("parameters", ()), *item[method].get("parameters", ()))]
        return [one for one in found if one["in"] == where]

    def look_up(self, one: dict[str, Any]) -> dict[str, Any]:
        """Follow a reference."""
        if "$ref" not in one:
            return one
        found: Any = self.document
        for step in one["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return dict(found)

    async def judge(self, promise: Promise, answer: ClientResponse) -> Any:
        """Hold a real answer to what is promised of it; return its body."""
        assert promise.status == str(answer.status), await answer.text()
        promised = self.look_up(self.document["paths"][promise.path][promise.method]["responses"][promise.status])
        kinds = promised["content"]
        assert answer.content_type in kinds or "*/*" in kinds, answer.content_type
        assert set(promised.get("headers", ())) <= {*answer.headers, *MAYBE}
        self.seen.add(promise)
        assert [] == [secret for secret in SECRETS if secret in await answer.read()]
        if answer.content_type != "application/json" or "*/*" in kinds:
            return await answer.read()
        body = json.loads(await answer.read())  # evidence may hold numbers that are no double
        self.check(kinds["application/json"]["schema"], body)
        return body

    def check(self, schema: dict[str, Any], value: Any) -> None:
        """Raise unless a value is as a schema of the file says."""
        validator = Draft202012Validator(
            {"$id": f"{NAME}:one", **_absolute(schema)},
            registry=self._registry,
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        validator.validate(value)


# What opens something, or is the hash of what does, and stands in no answer.
SECRETS = (b"canary", b"abab", b"s3cret")
# Headers that stand there only where there is something to say.
MAYBE = ("X-Tollway-Content-Encoding", "X-Tollway-Content-Type")


def _absolute(schema: Any) -> Any:
    """Let references lead into the whole file, also from a part of it."""
    if isinstance(schema, dict):
        return {
            name: f"{NAME}{value}" if name == "$ref" and value.startswith("#") else _absolute(value)
            for name, value in schema.items()
        }
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


async def ask(port: Port, judge: Judge, promise: Promise, url: str, **how: Any) -> Any:
    """Ask a real server, and hold its answer to the promise."""
    async with port.client.request(promise.method.upper(), url, **how) as answer:
        return await judge.judge(promise, answer)
