"""The measurement of estimates runs, says what it says it says, and the estimates are as good as the document tells."""

import functools
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from bench.estimates import ASKED, SAID, Exchange, Row, answer_kind, cut_pairs, kind_of, load, tables
from gateway.core.usage import Usage
from tests import exchanges

# What nobody can see, and what therefore says nothing about the estimates.
UNSEEN = ("unseen history or tools", "hidden reasoning", "server's tools")


@functools.cache
def measured() -> dict[str, dict[tuple[str, ...], Row]]:
    """Measure once."""
    exchanges.load()  # skips where there are none
    return dict(tables(list(load(exchanges.FOLDER))))


def stream(**told: int) -> Exchange:
    """Write a recorded stream of ten deltas."""
    events = [b'data: {"choices":[{"delta":{"content":" word"}}]}\n\n'] * 10
    body = b"".join([*events, b"data: [DONE]\n\n"])
    return Exchange("openai", "openai", True, b"{}", body, Usage(**told), "/v1/chat/completions", "POST")


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "gemini"])
@pytest.mark.parametrize(("title", "least", "most"), [("Input", 0.7, 1.5), ("Output", 0.85, 1.15)])
def test_the_median_estimate_of_a_dialect_is_near_what_was_told(
    title: str, dialect: str, least: float, most: float
) -> None:
    """The bands are generous: what is outside has been broken, not merely moved."""
    rows = [row for key, row in measured()[title].items() if key[0] == dialect and key[-1] not in UNSEEN]
    ratios = [guess / told for row in rows for guess, told in row.pairs]

    assert len(ratios) > 80
    assert least < statistics.median(ratios) < most


def test_a_stream_that_is_cut_is_estimated_as_well() -> None:
    """At each of the places."""
    for key, row in measured()["Output of streams that are cut"].items():
        assert 0.7 < statistics.median(guess / told for guess, told in row.pairs) < 1.5, key


def test_an_estimate_of_a_recorded_exchange_is_never_nothing() -> None:
    """Once a provider was called."""
    for title in ("Input", "Output"):
        assert all(guess >= 1 for row in measured()[title].values() for guess, _ in row.pairs)


def test_it_prints_every_table() -> None:
    """As one reads it, and as the document has it; a folder without recordings is named."""
    exchanges.load()
    words = [
        sys.executable,
        "-m",
        "bench.estimates",
        str(exchanges.FOLDER),
        "--without",
        "openai",
        "--without",
        "gemini",
    ]
    root = Path(__file__).parents[2]
    done = subprocess.run([*words, "--markdown"], cwd=root, capture_output=True, text=True, check=True, timeout=120)
    empty = subprocess.run([*words[:3], str(root / "docs")], cwd=root, capture_output=True, text=True, check=False)

    assert 3 == done.stdout.count("estimate / what the provider told")
    assert "| anthropic | whole | calls |" in done.stdout
    assert "| gemini |" not in done.stdout
    assert (1, True) == (empty.returncode, f"no recorded exchanges in {root / 'docs'}" in empty.stderr)


def test_a_row_tells_the_middle_the_edges_and_the_sums() -> None:
    """The ratio of the sums is not the mean of the ratios."""
    row = Row([(number, 10) for number in range(1, 10)] + [(100, 1000)])

    assert ["10", "0.45", "0.10", "0.90", "0.13"] == row.cells()


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        (b'{"messages":[{"content":"hi"}]}', "text"),
        ('{"messages":[{"content":"ü"}]}'.encode(), "not only ASCII"),
        (b'{"tools":[{"name":"x"}]}', "tools"),
        (b'{"response_format":{"type":"json_schema"}}', "schema"),
        (b'{"tools":[{"type":"web_search"}]}', "unseen history or tools"),
        (b'{"previous_response_id":"resp_1","input":"hi"}', "unseen history or tools"),
        (b'{"input":[{"type":"input_image","image_url":"x"}],"tools":[{}]}', "files"),
    ],
)
def test_a_request_is_in_one_row(asked: bytes, kind: str) -> None:
    """That of what disturbs an estimate most."""
    assert kind == kind_of(asked, ASKED)


def test_an_answer_is_in_one_row() -> None:
    """Reasoning that was told and is not there is hidden."""
    seen, hidden = stream(output_total=10), stream(output_total=30, output_reasoning=20)

    assert ["text", "hidden reasoning"] == [answer_kind(seen), answer_kind(hidden)]
    assert "calls" == kind_of(b'{"message":{"tool_calls":[{}]}}', SAID)
    assert [0, 20] == [seen.hidden_tokens, hidden.hidden_tokens]


def test_a_cut_is_compared_with_its_share_of_the_text() -> None:
    """Half of the deltas, half of the tokens."""
    assert [(10, (1, 1)), (25, (2, 2)), (50, (5, 5)), (75, (7, 7)), (90, (9, 9))] == [
        (cut, (guess, round(told))) for cut, (guess, told) in cut_pairs(stream(output_total=10))
    ]
