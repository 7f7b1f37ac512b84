"""What agents say of their exchanges and sessions: taken by any worker, kept once, and of their own team only."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.exchange.feedback import BURST
from tests.client import Reply
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import Provider, providing, until

OTHER = "tw-other-key"
REDACTED = "tw-redacted-key"
SILENT = "tw-silent-key"
BUSY = "tw-busy-key"
BRIEF = "tw-brief-key"
TEAMS = {
    "search": team_file((KEY, "tw-second-key")),
    "web": team_file((OTHER,)),
    "careful": team_file((REDACTED,), '[logging]\nbodies = "redacted"\n'),
    "silent": team_file((SILENT,), '[logging]\nbodies = "none"\n'),
    "busy": team_file((BUSY,)),
    "brief": team_file((BRIEF,), "[logging]\nretention_days = 1\n"),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """A provider."""
    with providing() as one:
        yield one


@pytest.fixture(scope="module")
def gateway(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with two workers."""
    folder = tmp_path_factory.mktemp("gateway")
    with standing_before(provider, folder, server="workers = 2", teams=TEAMS) as run:
        yield run


def asked(gateway: Gateway, key: str = KEY) -> str:
    """Have an exchange, and return its id."""
    reply = gateway.post("/v1/embeddings", {"model": "m", "input": "x"}, key=key)
    return dict(reply.headers)["x-tollway-request-id"]


def say(gateway: Gateway, key: str = KEY, **fields: Any) -> Reply:
    """Send feedback."""
    return gateway.post("/v1/feedback", {"name": "thumb", "value": True} | fields, key=key)


def judged(gateway: Gateway, count: int, **asked: Any) -> list[Any]:
    """Wait for so many evaluations, and return them."""

    def look() -> list[Any] | None:
        page = gateway.api("/api/evaluations", **asked)
        return page["evaluations"] if page is not None and len(page["evaluations"]) == count else None

    return list(until(look, f"{count} evaluations"))


def feedback_total(gateway: Gateway, result: str) -> float:
    """Read a counter."""
    start = f'tollway_feedback_total{{result="{result}"}} '
    return sum(float(line.removeprefix(start)) for line in gateway.metrics().splitlines() if line.startswith(start))


def test_feedback_is_a_score(gateway: Gateway) -> None:
    """By its key, with its comment; it is no exchange."""
    one = asked(gateway)
    reply = say(gateway, id=one, value=0.8, comment="nearly")
    [found] = judged(gateway, 1, exchange=one)

    assert 202 == reply.status
    assert {"id": found["id"]} == json.loads(reply.body)
    assert ("user", "key0", "search", "exchange", one) == tuple(
        found[name] for name in ("source", "author", "team", "target_type", "target")
    )
    [score] = found["scores"]
    assert ("thumb", "numeric", 0.8, "nearly") == tuple(score[name] for name in ("name", "type", "value", "comment"))
    assert [] == [row["path"] for row in gateway.rows() if row["path"] == "/v1/feedback"]
    assert [found] == gateway.row(one)["evaluations"]


def test_the_same_key_replaces_and_others_add(gateway: Gateway) -> None:
    """Whichever worker takes it: all connections are new ones, so both do."""
    one = asked(gateway)
    for value in (True, False, True, "good", False):
        say(gateway, id=one, value=value)
    say(gateway, "tw-second-key", id=one)
    words = judged(gateway, 2, exchange=one)
    until(lambda: {False, True} == {_verdict(word) for word in judged(gateway, 2, exchange=one)}, "the last words")

    assert {"key0", "key1"} == {word["author"] for word in words}


def _verdict(word: Any) -> Any:
    return word["scores"][0]["passing"]


def test_another_teams_exchange_is_refused_and_counted(gateway: Gateway) -> None:
    """Its answer tells nothing: whether there is such an exchange is not the caller's business."""
    one = asked(gateway)
    gateway.row(one)
    before = feedback_total(gateway, "foreign")
    reply = say(gateway, OTHER, id=one)
    until(lambda: feedback_total(gateway, "foreign") == before + 1, "it is counted")

    assert 202 == reply.status
    assert [] == gateway.row(one)["evaluations"]


def test_a_session_has_feedback(gateway: Gateway) -> None:
    """It is shown with each of the session's exchanges; another team's session of that name is another one."""
    reply = gateway.post("/v1/embeddings", {"model": "m", "input": "x"}, ("x-tollway-session", "s1"))
    one = dict(reply.headers)["x-tollway-request-id"]
    say(gateway, session="s1", value="done")
    say(gateway, OTHER, session="s1", value="not ours")
    judged(gateway, 2, session="s1")

    [found] = gateway.row(one)["evaluations"]
    assert ("conversation", "s1", "done") == (found["target_type"], found["target"], found["scores"][0]["label"])


def test_a_label_stands_beside_feedback(gateway: Gateway) -> None:
    """What a person tells the admin port takes the same way, and no word replaces another's."""
    one = asked(gateway)
    gateway.row(one)
    say(gateway, id=one)
    for value in (True, False):
        gateway.admin("POST", "/api/labels", {"id": one, "name": "thumb", "value": value, "author": "ann"})
    until(lambda: {True, False} == {_verdict(word) for word in judged(gateway, 2, exchange=one)}, "both words")

    assert {("user", "key0"), ("human", "ann")} == {
        (word["source"], word["author"]) for word in judged(gateway, 2, exchange=one)
    }


def test_comments_are_kept_as_bodies_are(gateway: Gateway) -> None:
    """Redacted where those are, and not at all where none are kept."""
    said = {}
    for key in (REDACTED, SILENT):
        one = asked(gateway, key)
        say(gateway, key, id=one, comment="write to ann@example.com")
        [found] = judged(gateway, 1, exchange=one)
        said[key] = found["scores"][0]["comment"]

    assert {REDACTED: "write to [email]", SILENT: None} == said
    one = asked(gateway, SILENT)
    say(gateway, SILENT, id=one, value="ann@example.com")
    assert "[email]" == judged(gateway, 1, exchange=one)[0]["scores"][0]["label"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "id"),
        ({"id": "01a20846-fe00-7eff-a6b5-010af3177d16", "session": "s"}, "id"),
        ({"id": "x"}, "id"),
        ({"id": "5aa9e373-59e5-4ad6-b0bd-9b176bc82905"}, "id"),
        ({"id": "ffffffff-ffff-7fff-8fff-ffffffffffff"}, "id"),
        ({"session": ""}, "session"),
        ({"session": "a\nb"}, "session"),
        ({"session": "s", "name": "two words"}, "name"),
        ({"session": "s", "name": "x" * 65}, "name"),
        ({"session": "s", "value": "x" * 101}, "value"),
        ({"session": "s", "value": ""}, "value"),
        ({"session": "s", "value": None}, None),
        ({"session": "s", "value": [1]}, None),
        ({"session": "s", "comment": "é" * 1025}, "comment"),
        ({"session": "s", "colour": "red"}, None),
    ],
)
def test_what_makes_no_sense_is_refused(gateway: Gateway, fields: Any, param: str | None) -> None:
    """In the shape of the gateway's own errors, with what is expected."""
    reply = say(gateway, **fields)
    error = json.loads(reply.body)["error"]

    assert (400, param) == (reply.status, error["param"])
    assert "bad_request" == dict(reply.headers)["x-tollway-error"]


@pytest.mark.parametrize(
    ("method", "body", "more", "status"),
    [
        ("POST", b"[]", [], 400),
        ("POST", b'{"session":"s","name":"a","value":1e999}', [], 400),
        ("POST", b'{"session":"s","name":"a","value":NaN}', [], 400),
        ("POST", b'"\xff"', [], 400),
        ("POST", b'{"session":"\\ud800","name":"a","value":1}', [], 400),
        ("POST", b"", [], 400),
        ("POST", b" " * 16_385, [], 413),
        ("POST", b"{}", [("Content-Encoding", "gzip")], 415),
        ("GET", None, [], 405),
        ("POST", b"{}", [("Authorization", "Bearer nope")], 401),
    ],
)
def test_what_cannot_be_read_is_refused(
    gateway: Gateway, method: str, body: bytes | None, more: list[tuple[str, str]], status: int
) -> None:
    """Without a key of ours before anything else; nothing of it is in the log."""
    usual = [("Content-Type", "application/json"), *([] if status == 401 else [("Authorization", f"Bearer {KEY}")])]

    assert status == gateway.ask(method, "/v1/feedback", [*usual, *more], body).status


def test_the_connection_goes_on(gateway: Gateway) -> None:
    """Feedback, a refusal and an exchange on one connection, the feedback's body in pieces."""
    one = asked(gateway)
    body = json.dumps({"id": one, "name": "a", "value": True}).encode()
    headers = [("Content-Type", "application/json"), ("Authorization", f"Bearer {KEY}")]
    with gateway.client() as client:
        client.send("POST", "/v1/feedback", [*headers, ("Content-Length", str(len(body)))])
        client.push(body[:9])
        client.push(body[9:])
        statuses = [client.reply().status]
        statuses.append(client.ask("POST", "/v1/feedback", headers, b"{}").status)
        statuses.append(client.ask("POST", "/v1/feedback", headers, body).status)

    assert [202, 400, 202] == statuses


def test_a_key_is_held_to_a_rate(gateway: Gateway) -> None:
    """A burst goes through, then it is refused as by a limit; no other key feels it."""
    body = json.dumps({"session": "s", "name": "a", "value": True}).encode()
    usual = [("Content-Type", "application/json"), ("Authorization", f"Bearer {BUSY}")]
    with gateway.client() as client:
        replies = [client.ask("POST", "/v1/feedback", usual, body) for _ in range(BURST)]
        while replies[-1].status == 202 and len(replies) < 100 * BURST:
            replies.append(client.ask("POST", "/v1/feedback", usual, body))
        other = client.ask("POST", "/v1/feedback", [usual[0], ("Authorization", f"Bearer {KEY}")], body)
    refused = dict(replies[-1].headers)

    assert [202] * BURST == [each.status for each in replies[:BURST]]
    assert ("rate_limited", "1", 202) == (refused["x-tollway-error"], refused["retry-after"], other.status)


def test_what_is_no_longer_kept_is_refused(gateway: Gateway) -> None:
    """By the retention of the team that speaks; one that keeps for good may speak of any day."""
    old = "01800000-0000-7000-8000-000000000001"
    brief, usual = say(gateway, BRIEF, id=old), say(gateway, id=old)

    assert (400, "id") == (brief.status, json.loads(brief.body)["error"]["param"])
    assert [202, 202] == [usual.status, say(gateway, BRIEF, id=asked(gateway, BRIEF)).status]
