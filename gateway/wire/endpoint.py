"""What kind of call is this? Endpoints, places, and the tables that tell them from method and path."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple
from urllib.parse import unquote

import msgspec


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of call to a provider.

    `name` is a word of the metrics' closed list. `reads_body`: a JSON body is buffered and its few fields are read;
    otherwise it streams through. `meters`: its answer is watched for usage. `streams`: the path alone asks for a
    stream, whatever the answer's content type says. `lines`: its answer is a JSON document on each line, the last of
    which tells the usage. `counts`: what of the request is billed where the answer tells nothing (`wire/billed.py`).
    `job`: what the call has to do with work that goes on after its answer, one of ASKS, POLLS, RESULTS; its own answer
    consumed nothing then. (A response that goes on in the background is asked for like any other: only the answer
    tells.)
    """

    name: str
    reads_body: bool = False
    meters: bool = False
    streams: bool = False
    lines: bool = False
    counts: str = ""
    job: str = ""


# The values of Endpoint.job: asks for work; asks how far it is; fetches its results, one line for each request.
ASKS: Final = "asks"
POLLS: Final = "polls"
RESULTS: Final = "results"
AN_ID: Final = "*"


class Place(NamedTuple):
    """Where a request goes: `path` is raw, without query, as it stands behind the provider's base_url."""

    dialect: str
    endpoint: Endpoint
    path: str
    model: str | None = None


class JobPath(NamedTuple):
    """A path that leads to work under way: the words that it ends with, AN_ID where its name stands."""

    method: str
    words: tuple[str, ...]
    endpoint: Endpoint

    def matches(self, method: str, parts: Sequence[str]) -> bool:
        """Tell whether a path, split into words, is such a one."""
        if method != self.method or len(parts) < len(self.words):
            return False
        ending = parts[len(parts) - len(self.words) :]
        return all(word in (AN_ID, part) for word, part in zip(self.words, ending, strict=True))


class EndpointTable(NamedTuple):
    """`posts`: what a POST to exactly this path is. `jobs`: paths to work under way. `families`: by words, the rest."""

    posts: Mapping[str, Endpoint]
    families: Mapping[str, str]
    jobs: tuple[JobPath, ...] = ()


def words(path: str) -> list[str]:
    """Split a path into lower-case words, percent-decoded once, so that spelling cannot hide an endpoint."""
    return [word for word in unquote(path).lower().split("/") if word]


def job_in(path: str) -> str:
    """Read the name of the work that a path leads to; empty: it leads to none."""
    parts = [unquote(part) for part in path.split("/") if part]
    named = [name for family, name in pairwise(parts) if family.lower() in ("batches", "responses")]
    return named[-1] if named else ""


def classify(table: EndpointTable, method: str, path: str) -> Endpoint:
    """Find the endpoint of a path, whatever version or mount stands in front of it."""
    parts = words(path)
    if method == "POST":
        for start in range(len(parts)):
            known = table.posts.get("/".join(parts[start:]))
            if known is not None:
                return known
    for job in table.jobs:
        if job.matches(method, parts):
            return job.endpoint
    for word, family in table.families.items():
        if word in parts:
            return Endpoint(name=family)
    return Endpoint(name="other", meters=method == "POST")
