"""`tollway audit` finds what is wrong in a store, names it, and says what it could not judge."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.record import decode, encode
from gateway.policies.retention import Keep, Retention
from gateway.store.bodies import pack, unpack
from tests.audit.settled import CONFIG, Books, Settled
from tests.cli.commands import Result, remove, run, store
from tests.records import DAY_MS, NOON_MS, finished, new_id, record

DAY = "2026-11-23"
CHAT = b'{"model":"gpt-4o-mini","choices":[],"usage":{"prompt_tokens":1234,"completion_tokens":56}}'
PADDED = CHAT[:-1] + b',"x":"' + b"padding " * 99 + b'"}'
ADVISED = (
    b'{"model":"claude-sonnet-4-5","usage":{"input_tokens":10,"output_tokens":20,"iterations":['
    b'{"type":"advisor_message","model":"claude-opus-4-1","input_tokens":7,"output_tokens":8}]}}'
)


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """Something that settles answers."""
    return Books(tmp_path / "journal")


def keep(folder: Path, settled: list[Settled]) -> None:
    """Put settled exchanges into a store."""
    (folder / "config.toml").write_text('[server]\ndata_dir = "data"\n' + CONFIG)
    store(folder, [finished(one.record, one.request.pieces[0][1], one.response.pieces[0][1]) for one in settled])


def change(folder: Path, sql: str, *values: object, day: str = DAY) -> None:
    """Change a day file behind everybody's back."""
    with contextlib.closing(sqlite3.connect(folder / "data" / "store" / f"{day}.db")) as connection, connection:
        assert connection.execute(sql, values).rowcount


def rewrite(folder: Path, exchange_id: str, edit: Callable[[bytes], bytes]) -> None:
    """Change the bytes of a stored record."""
    key = bytes.fromhex(exchange_id.replace("-", ""))
    where = "seq = (SELECT seq FROM exchanges WHERE id = ?)"
    with contextlib.closing(sqlite3.connect(folder / "data" / "store" / f"{DAY}.db")) as connection, connection:
        ((before,),) = connection.execute(f"SELECT record FROM contents WHERE {where}", [key]).fetchall()
        after = edit(before)
        assert before != after
        connection.execute(f"UPDATE contents SET record = ? WHERE {where}", [after, key])


def rewrite_answer(folder: Path, exchange_id: str, old: bytes, new: bytes) -> None:
    """Change the bytes of a stored answer."""
    key = bytes.fromhex(exchange_id.replace("-", ""))
    where = "seq = (SELECT seq FROM exchanges WHERE id = ?)"
    columns = "codec, request_kept, response_kept, layout, bodies"
    with contextlib.closing(sqlite3.connect(folder / "data" / "store" / f"{DAY}.db")) as connection, connection:
        ((*packed,),) = connection.execute(f"SELECT {columns} FROM contents WHERE {where}", [key]).fetchall()
        request, response = unpack(tuple(packed))
        assert request is not None
        assert response is not None
        ((_, answer),) = response
        assert old in answer
        again = pack([(0, 0, request[0][1])], [(1, 0, answer.replace(old, new))])
        connection.execute(f"UPDATE contents SET ({columns}) = (?,?,?,?,?) WHERE {where}", [*again, key])


def named(result: Result) -> set[tuple[str, str]]:
    """Return which checks found what."""
    *differences, summary = result.lines
    assert (1, len(differences)) == (result.code, summary["differences"])
    return {(one["check"], one["what"]) for one in differences}


def test_books_that_agree(tmp_path: Path, books: Books) -> None:
    """Exit code 0 and a summary, for people and for programs; progress goes to standard error."""
    keep(tmp_path, [books.settle(CHAT), books.settle(PADDED), books.settle(ADVISED, dialect="anthropic")])
    shown, (summary,) = run(tmp_path, "audit"), run(tmp_path, "audit", "--json").lines

    assert 0 == shown.code
    assert ["0 differences"] == shown.text.splitlines()[-1:]
    assert "2026-11-23  3/3 rows, 0 differences so far" in shown.err
    assert (1, 3, 0, {}) == tuple(summary[name] for name in ("days", "rows", "differences", "skipped"))
    assert (3, 3, 3) == tuple(summary["checked"][name] for name in ("bodies", "costs", "usage objects"))


def test_nothing_logged_is_nothing_wrong(tmp_path: Path) -> None:
    """Before the first request, too."""
    result = run(tmp_path, "audit", "--json")

    assert (0, 0) == (result.code, result.lines[0]["rows"])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(b'"cost_nano_usd":', b'"cost_nano_usd":9', {("cost", "cost_nano_usd")}, id="cost"),
        pytest.param(b'"input_total":1234', b'"input_total":1334', {("usage", "usage.input_total")}, id="usage"),
        pytest.param(
            b'"prompt_tokens":1234', b'"prompt_tokens":1244', {("usage", "usage.input_total")}, id="raw usage"
        ),
        pytest.param(
            b'"output":600000', b'"output":600001', {("cost", "cost_nano_usd"), ("prices", "rates")}, id="rates"
        ),
        pytest.param(
            b'"usage_source":"provider"', b'"usage_source":"partial"', {("bodies", "usage_source")}, id="source"
        ),
        pytest.param(b'"team":"search"', b'"team":"seerch"', {("row", "team")}, id="team"),
        pytest.param(b'"status":200', b'"status":201', {("row", "status")}, id="status"),
        pytest.param(
            b'"cost_nano_usd":', b'"cost_nano_usd":1%b' % (b"0" * 30), {("cost", "cost_nano_usd")}, id="absurd"
        ),
        pytest.param(b'{"id"', b'{"i"', {("row", "readable")}, id="no record"),
    ],
)
def test_a_digit_in_a_record_is_named(
    tmp_path: Path, books: Books, old: bytes, new: bytes, expected: set[tuple[str, str]]
) -> None:
    """Whichever it is, with the exchange's id."""
    one = books.settle(CHAT)
    keep(tmp_path, [one, books.settle(CHAT)])
    rewrite(tmp_path, one.record.id, lambda record: record.replace(old, new, 1))
    result = run(tmp_path, "audit", "--json")

    assert expected <= named(result)
    assert {one.record.id, one.record.id.replace("-", ""), None} >= {each["id"] for each in result.lines[:-1]}
    assert one.record.id.replace("-", "") in {str(each["id"]).replace("-", "") for each in result.lines[:-1]}


@pytest.mark.parametrize("answer", [CHAT, PADDED], ids=["as it is", "compressed"])
def test_a_digit_in_a_body_is_named(tmp_path: Path, books: Books, answer: bytes) -> None:
    """The answer tells another usage then."""
    one = books.settle(answer)
    keep(tmp_path, [one])
    rewrite_answer(tmp_path, one.record.id, b":1234", b":1235")

    assert {("bodies", "usage.input_total"), ("bodies", "usage.raw")} == named(run(tmp_path, "audit", "--json"))


def test_bodies_that_cannot_be_read_are_named(tmp_path: Path, books: Books) -> None:
    """Damage is a difference, and no traceback."""
    keep(tmp_path, [books.settle(PADDED)])
    change(tmp_path, "UPDATE contents SET bodies = CAST(x'00' || bodies AS BLOB)")

    assert {("row", "readable")} == named(run(tmp_path, "audit", "--json"))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE rollups SET cost_nano_usd = cost_nano_usd + 1 WHERE step_s = 86400", "spend of search: cost_nano_usd"),
        ("UPDATE rollups SET cost_nano_usd = cost_nano_usd + 1 WHERE step_s = 3600", "rollup (seconds, start, kind)"),
        ("UPDATE rollups SET ms_50 = ms_50 + 1", "ms_50"),
        ("UPDATE claims SET requests = requests + 1", "claim 1: requests"),
        ("DELETE FROM tags", "tag ('other', 'search'"),
        ("UPDATE totals SET value = value + 1 WHERE metric = 'tollway_cost_usd'", "tollway_cost_usd{"),
        ("UPDATE totals SET value = 7 WHERE part = '+Inf'", "tollway_request_duration_seconds{"),
        ("DELETE FROM totals WHERE metric = 'tollway_team_tokens'", "tollway_team_tokens{team=search"),
        ("DELETE FROM exchanges WHERE seq = (SELECT min(seq) FROM exchanges)", "spend of search: requests"),
    ],
)
def test_sums_that_differ_are_named(tmp_path: Path, books: Books, sql: str, said: str) -> None:
    """Columns, totals, and rows that are gone."""
    settled = [books.settle(CHAT, duration_ms=5.0), books.settle(CHAT, duration_ms=1e9)]
    keep(tmp_path, settled)
    assert 0 == run(tmp_path, "audit").code
    change(tmp_path, sql)

    assert any(check == "sums" and said in what for check, what in named(run(tmp_path, "audit", "--json")))


def test_a_day_that_cannot_be_read_holds_up_no_other(tmp_path: Path, books: Books) -> None:
    """It is named, and the next one is looked at."""
    keep(tmp_path, [books.settle(CHAT), books.settle(CHAT, id=new_id(NOON_MS + DAY_MS))])
    path = tmp_path / "data" / "store" / f"{DAY}.db"
    path.write_bytes(path.read_bytes()[:100] + os.urandom(5_000))
    result = run(tmp_path, "audit", "--json")

    assert ("file", "readable") in named(result)
    assert 1 == result.lines[-1]["rows"]


def test_only_what_is_asked_for_is_looked_at(tmp_path: Path, books: Books) -> None:
    """By time and team; of a part of a day the totals cannot be judged, which is said."""
    web, late = books.settle(CHAT, team="web"), books.settle(CHAT, id=new_id(NOON_MS + DAY_MS))
    keep(tmp_path, [books.settle(CHAT), web, late])

    def summary(*arguments: str) -> Any:
        return run(tmp_path, "audit", "--json", *arguments).lines[-1]

    assert (1, {}) == (summary("--since", "2026-11-24")["rows"], summary("--since", "2026-11-24")["skipped"])
    part = summary("--until", "2026-11-23T18:00")
    assert (2, 1) == (part["rows"], sum(part["skipped"].values()))
    assert (1, 0) == (summary("--team", "web")["rows"], summary("--team", "web")["differences"])
    change(tmp_path, "UPDATE totals SET value = 9 WHERE metric = 'tollway_team_requests' AND labels LIKE '%web%'")
    assert (0, 1) == (summary("--team", "search")["differences"], summary("--team", "web")["differences"])


def test_differences_are_printed_for_people(tmp_path: Path, books: Books) -> None:
    """One a line: which exchange, what, what stands there, what it must be; then how many."""
    one = books.settle(CHAT)
    keep(tmp_path, [one])
    booked = one.record.cost_nano_usd
    change(tmp_path, "UPDATE exchanges SET cost_nano_usd = ?", booked + 1)
    result = run(tmp_path, "audit")

    assert 1 == result.code
    assert f"{one.record.id}  row cost_nano_usd: recorded {booked + 1}, recomputed {booked}" in result.text
    assert "1 difference" == result.text.splitlines()[-1]


def test_what_cannot_be_judged_is_told(tmp_path: Path) -> None:
    """Records of earlier versions, by reason and number."""
    (tmp_path / "config.toml").write_text('[server]\ndata_dir = "data"\n' + CONFIG)
    old = record()
    assert old == decode(encode(old))
    store(tmp_path, [finished(old, None, None), finished(record(), None, None)])
    shown = run(tmp_path, "audit")

    assert "not judged, 2 times: cost: the prices are not in the record: an earlier version wrote it" in shown.text


@pytest.mark.parametrize(
    ("rules", "rows", "skipped"),
    [
        (Retention(Keep(None, 1)), 3, {"bodies: the answer was not kept": 3}),
        (Retention(Keep(1), {"search": Keep()}), 2, {"sums: of this day rows were removed by retention": 1}),
        (Retention(Keep(1)), 0, {"rows: of this day all were removed by retention, its sums are kept": 1}),
    ],
    ids=["bodies", "rows of a team", "all"],
)
def test_what_retention_has_removed_is_no_difference(
    tmp_path: Path, books: Books, rules: Retention, rows: int, skipped: dict[str, int]
) -> None:
    """What can be judged still is; of the rest it is said why it cannot."""
    keep(tmp_path, [books.settle(CHAT), books.settle(CHAT), books.settle(CHAT, team="web")])
    remove(tmp_path, rules, 3)
    result = run(tmp_path, "audit", "--json")
    (summary,) = result.lines

    assert (0, 0, rows, skipped) == (result.code, summary["differences"], summary["rows"], summary["skipped"])


@pytest.mark.parametrize("arguments", [["--since", "soon"], ["--bill", "x"]])
def test_mistakes_of_the_command_line(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2: what makes no sense, and what is not there yet."""
    assert 2 == run(tmp_path, "audit", *arguments).code
