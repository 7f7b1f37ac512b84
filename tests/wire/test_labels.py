"""What a request says about itself: tags and metadata, of all places together."""

from typing import Any

import msgspec
import pytest

from gateway.core.record import Record
from gateway.wire.labels import note_body_labels, note_labels


def labelled(headers: dict[str, str], tags: Any = None, metadata: Any = None) -> Record:
    """Note what a head says, then what a body says."""
    record = Record(id="", started_at="", team="t", key="k")
    note_labels(record, {name.encode(): value.encode("latin-1") for name, value in headers.items()})
    note_body_labels(record, tags, msgspec.json.encode(metadata) if metadata is not None else None)
    return record


def test_tags_are_joined() -> None:
    """Of both headers and the body, each once."""
    headers = {"x-tollway-tags": "nightly, eu ,", "x-litellm-tags": "eu,batch"}

    assert ["nightly", "eu", "batch", "new"] == labelled(headers, ["new", "eu", 7, "t" * 65]).tags
    assert 32 == len(labelled({"x-tollway-tags": ",".join(map(str, range(50)))}, ["x"]).tags)


def test_metadata_is_joined() -> None:
    """Of all places; of a name that stands in two, the first counts."""
    headers = {
        "x-litellm-spend-logs-metadata": '{"a":"spend","b":"spend"}',
        "helicone-property-b": "property",
        "helicone-property-c": "property",
        "x-portkey-metadata": '{"c":"portkey","d":"portkey","_user":"ann"}',
    }
    said = {"d": "body", "e": "body", "user_id": "ann", "session_id": "s", "tags": ["t"]}

    metadata = labelled(headers, metadata=said).metadata

    assert {"a": "spend", "b": "spend", "c": "property", "d": "portkey", "e": "body"} == metadata


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"n": 7, "f": 0.5, "t": True, "no": False}, {"n": "7", "f": "0.5", "t": "true", "no": "false"}),
        ({"none": None, "list": [1], "object": {"a": 1}, "empty": ""}, {}),
        ({"long": "x" * 513, "longest": "x" * 512}, {"longest": "x" * 512}),
        ({"n" * 65: "x", "n" * 64: "x"}, {"n" * 64: "x"}),
        ({"a\n": "x", "b": "x\x00", "c": "\u202ex", "": "x"}, {}),
        ({"straße": "größer"}, {"straße": "größer"}),
        (["a"], {}),
        ("a", {}),
        ({"big": "x" * 20_000, "a": "b"}, {}),
    ],
)
def test_what_cannot_be_taken_is_left_out(said: Any, expected: dict[str, str]) -> None:
    """Only texts, numbers and truth values, printable and within the bounds; nothing is cut."""
    assert expected == labelled({}, metadata=said).metadata


def test_no_more_than_sixteen_pairs_are_kept() -> None:
    """The first ones."""
    said = {str(number): "x" for number in range(30)}

    assert [str(number) for number in range(16)] == list(labelled({}, metadata=said).metadata)
    assert 16 == len(labelled({f"helicone-property-{number}": "x" for number in range(30)}, metadata=said).metadata)


@pytest.mark.parametrize("value", ["", "{", "[1]", "null", '{"a":', '{"a":' * 2_000, '{"a":"b"}' + " " * 20_000])
def test_a_broken_header_says_nothing(value: str) -> None:
    """It is no reason to refuse anything."""
    assert {} == labelled({"x-litellm-spend-logs-metadata": value, "x-portkey-metadata": value}).metadata


def test_headers_are_plain_text() -> None:
    """Other signs than ASCII have no agreed meaning there."""
    assert {} == labelled({"helicone-property-a": "über", "helicone-property-": "x"}).metadata
