"""`tollway logs show` tells one exchange whole, or hands out its exact bytes."""

import gzip
import re
from pathlib import Path

import pytest

from gateway.core.record import Attempt, Job, public
from gateway.core.usage import Usage
from gateway.journal.frame import RESPONSE
from gateway.policies.explained import explain, public_bill
from tests.cli.commands import remove_bodies, run, store
from tests.records import NOON_MS, finished, record

REQUEST = (
    b'{"model":"gpt-4o","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi \\u001b[2J"}]}'
)
STREAM = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"lo [b]there[/b]"}}]}\n\ndata: [DONE]\n\n'
)


def test_conversation_attempts_and_cost_are_told(tmp_path: Path) -> None:
    """Everything somebody asks about one exchange stands there, streamed answers put together."""
    one = record(
        user="ann",
        stream=True,
        error="overloaded",
        attempts=[Attempt(provider="openai", result="5xx", status=503, upstream_request_id="req_9", duration_ms=12.0)],
    )
    store(tmp_path, [finished(one, REQUEST, STREAM)])
    shown = run(tmp_path, "logs", "show", one.id[:20])

    assert 0 == shown.code
    for part in (one.id, "ann", "system:\nBe brief.", "assistant:\nHello [b]there[/b]", "0.000027 USD", "genai-prices"):
        assert part in shown.text
    for part in ("5xx", "503", "req_9", "overloaded", "input_total 100", "POST /v1/chat/completions (streamed)"):
        assert part in shown.text
    assert b"\x1b" not in shown.out


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (Job(id="resp_1", usage=Usage(input_total=70)), "resp_1: goes on, .* an estimate .*input_total 70"),
        (Job(id="resp_1", state="booked"), "resp_1: has ended, and is booked here"),
        (Job(id="batch_1", state="lapsed"), "batch_1: nobody fetched .* estimate is booked"),
        (Job(id="resp_1", state="seen", usage=Usage(output_total=9)), "another exchange, .*output_total 9"),
        (Job(id="a[b]\x1b[2J", state="strange"), r"a\[b\].*: strange"),
    ],
)
def test_work_that_goes_on_is_told(tmp_path: Path, job: Job, said: str) -> None:
    """A cost of 0 is explained where it stands."""
    one = record(job=job)
    store(tmp_path, [finished(one)])
    shown = run(tmp_path, "logs", "show", one.id)
    (line,) = [line for line in shown.text.replace("\n          ", " ").splitlines() if line.startswith("job ")]

    assert re.search(said, line)
    assert b"\x1b" not in shown.out


def test_json_is_the_public_record_with_bodies(tmp_path: Path) -> None:
    """For programs: text as text, other bytes marked."""
    one = record()
    store(tmp_path, [finished(one, b"ask", b"\xff\xfe")])

    (shown,) = run(tmp_path, "logs", "show", one.id, "--json").lines
    bill = public_bill(explain(one))

    bodies = {"request_body": "ask", "response_body": {"base64": "//4="}, "bodies_removed": False, "evaluations": []}
    assert {**public(one), "bill": bill, **bodies} == shown


def test_raw_bodies_are_exact(tmp_path: Path) -> None:
    """Byte for byte, line ends and all."""
    one = record()
    request, response = bytes(range(256)) * 20, b"a\r\nb\n"
    store(tmp_path, [finished(one, request, response)])

    assert request == run(tmp_path, "logs", "show", one.id, "--raw", "request").out
    assert response == run(tmp_path, "logs", "show", one.id, "--raw", "response").out


def test_compressed_answers_are_readable(tmp_path: Path) -> None:
    """What the provider compressed is shown as text; raw it stays as it was."""
    one = record(content_encoding="gzip")
    body = gzip.compress(b'{"choices":[{"message":{"content":"Hello"}}]}')
    store(tmp_path, [finished(one, REQUEST, body)])

    assert "assistant:\nHello" in run(tmp_path, "logs", "show", one.id).text
    assert body == run(tmp_path, "logs", "show", one.id, "--raw", "response").out


def test_cut_and_missing_bodies_say_so(tmp_path: Path) -> None:
    """Nothing that was not kept looks as if it had not been."""
    cut = record(NOON_MS, response_bytes=1000)
    none = record(NOON_MS + 1000, request_bytes=7)
    store(tmp_path, [finished(cut)._replace(response=[(RESPONSE, 0, b"head")]), finished(none, None, None)])

    assert "996 bytes not kept" in run(tmp_path, "logs", "show", cut.id).text
    raw = run(tmp_path, "logs", "show", cut.id, "--raw", "response")
    assert (1, b"head") == (raw.code, raw.out)
    assert "4 of 1000 bytes" in raw.err
    assert "the body was not kept" in run(tmp_path, "logs", "show", none.id).text
    assert 1 == run(tmp_path, "logs", "show", none.id, "--raw", "request").code


@pytest.mark.parametrize(
    ("asked", "code", "said"), [("0", 1, "several"), ("ffff", 1, "no exchange"), ("zz", 2, "ID: not the beginning")]
)
def test_ids_that_name_nothing_are_told_apart(tmp_path: Path, asked: str, code: int, said: str) -> None:
    """Not found, not unique and not an id are three different mistakes."""
    store(tmp_path, [record(), record()])
    shown = run(tmp_path, "logs", "show", asked)

    assert code == shown.code
    assert said in shown.err


def test_bodies_that_retention_has_removed_are_told_as_such(tmp_path: Path) -> None:
    """Somebody who looks for what was said learns that it was there, and why it is not any more."""
    one = record(request_bytes=3, response_bytes=3)
    store(tmp_path, [finished(one, b"ask", b"say")])
    remove_bodies(tmp_path)
    shown, raw = run(tmp_path, "logs", "show", one.id), run(tmp_path, "logs", "show", one.id, "--raw", "request")

    assert 2 == shown.text.count("removed by retention")
    assert (1, b"") == (raw.code, raw.out)
    assert "removed by retention" in raw.err
    (as_json,) = run(tmp_path, "logs", "show", one.id, "--json").lines
    assert (None, None, True) == (as_json["request_body"], as_json["response_body"], as_json["bodies_removed"])
