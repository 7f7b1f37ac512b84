"""What kind of call is this? Endpoints, places, and the tables that tell them from method and path."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of call to a provider.

    `name` is a word of the metrics' closed list. `reads_body`: a JSON body is buffered and its few fields are read;
    otherwise it streams through. `meters`: its answer is watched for usage. `streams`: the path alone asks for a
    stream, whatever the answer's content type says. `lines`: its answer is a JSON document on each line, the last of
    which tells the usage. `counts`: what of the request is billed where the answer tells nothing (`wire/asked.py`).
    """

    name: str
    reads_body: bool = False
    meters: bool = False
    streams: bool = False
    lines: bool = False
    counts: str = ""


class Place(NamedTuple):
    """Where a request goes: `path` is raw, without query, as it stands behind the provider's base_url."""

    dialect: str
    endpoint: Endpoint
    path: str
    model: str | None = None


class EndpointTable(NamedTuple):
    """`posts`: what a POST to exactly this path is. `families`: by words of a path, what it is otherwise."""

    posts: Mapping[str, Endpoint]
    families: Mapping[str, str]


def words(path: str) -> list[str]:
    """Split a path into lower-case words, percent-decoded once, so that spelling cannot hide an endpoint."""
    return [word for word in unquote(path).lower().split("/") if word]


def classify(table: EndpointTable, method: str, path: str) -> Endpoint:
    """Find the endpoint of a path, whatever version or mount stands in front of it."""
    parts = words(path)
    if method == "POST":
        for start in range(len(parts)):
            known = table.posts.get("/".join(parts[start:]))
            if known is not None:
                return known
    for word, family in table.families.items():
        if word in parts:
            return Endpoint(name=family)
    return Endpoint(name="other", meters=method == "POST")
