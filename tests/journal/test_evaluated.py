"""Evaluations come out of the journal as they were written; what is none is damage."""

from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from gateway.core.score import encode
from gateway.journal.evaluated import read
from gateway.journal.frame import SCORE, pack
from gateway.journal.reader import Reader
from gateway.journal.writer import Journal
from tests.records import begun, new_id, record, write
from tests.scores import evaluation, everything, feedback


def key(exchange: str) -> bytes:
    """Read an id."""
    return UUID(exchange).bytes


def test_a_frame_is_an_evaluation_with_its_ids() -> None:
    """As bytes, and with its instant in microseconds."""
    one = everything(new_id())
    found = read(encode(one), key)

    assert (UUID(one.id).bytes, UUID(one.exchange).bytes, one) == (found.key, found.exchange, found.evaluation)
    assert 1_795_435_201_000_000 == found.created_us


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "x"},
        {"created_at": "yesterday"},
        {"created_at": "2026-11-23T12:00:01"},
        {"source": "rumour"},
        {"result": "fine"},
        {"target_type": "world"},
        {"judge_cost_nano_usd": -1},
        {"judge_cost_nano_usd": 1 << 60},
        {"duration_ms": -1.0},
        {"scores": [{"name": "a", "type": "numeric", "normalised": 1.5}]},
        {"scores": [{"name": "a", "type": "numeric", "value": 1e400}]},
        {"scores": [{"name": "a", "type": "opinion"}]},
    ],
)
def test_what_nobody_writes_is_no_evaluation(wrong: dict[str, Any]) -> None:
    """Nothing behind the journal need look again at words and amounts."""
    fields = msgspec.to_builtins(evaluation(new_id())) | wrong
    text = msgspec.json.encode(fields).replace(b'"value":null', b'"value":1e400')

    with pytest.raises(msgspec.MsgspecError):
        read(text, key)


def test_evaluations_come_beside_exchanges(tmp_path: Path) -> None:
    """Whoever wrote them, in any segment; each poll gives its own."""
    worker, evaluator = Journal(tmp_path, "worker-0"), Journal(tmp_path, "evaluator")
    one = record()
    write(worker, one)
    worker.append(SCORE, encode(feedback(one.id)))
    evaluator.append(SCORE, encode(everything(one.id)))
    reader = Reader(tmp_path)

    assert [one] == [each.record for each in reader.poll(thorough=True)]
    assert [everything(one.id), feedback(one.id)] == [each.evaluation for each in reader.evaluations]
    assert [] == reader.poll(thorough=True)
    assert [] == reader.evaluations
    worker.close()
    evaluator.close()
    reader.poll(thorough=True)
    assert 2 == len(reader.removable())
    reader.close()


def test_a_frame_that_is_no_evaluation_is_put_aside(tmp_path: Path) -> None:
    """As any other damage; what stands behind it is read."""
    journal = Journal(tmp_path, "evaluator")
    for meta in (b"{}", encode(record()), encode(evaluation("ffffffff-ffff-7fff-8fff-ffffffffffff")), b"\xff"):
        journal.append(SCORE, meta)
    one = evaluation(new_id())
    journal.append(SCORE, encode(one))
    journal.close()
    reader = Reader(tmp_path)
    reader.poll(thorough=True)

    assert [one] == [each.evaluation for each in reader.evaluations]
    assert 4 == reader.counts.corrupt
    assert 4 == len(list((tmp_path / "quarantine").iterdir()))
    reader.close()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    """Of a writer that was killed the whole frames count, wherever its last write was cut, and no alarm is raised."""
    frames = [pack(SCORE, encode(evaluation(new_id(), str(number)))) for number in range(2)]
    for cut in range(len(frames[1])):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "evaluator-00000000000000000001-000000.seg").write_bytes(frames[0] + frames[1][:cut])
        reader = Reader(folder)
        reader.poll(thorough=True)

        assert ["0"] == [each.evaluation.evaluator for each in reader.evaluations]
        assert (int(cut > 0), 0) == (reader.counts.torn, reader.counts.corrupt)
        assert 1 == len(reader.removable())
        reader.close()


def test_a_segment_that_fails_loses_no_evaluation_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error waits until there is nothing to return instead."""
    good, bad = Journal(tmp_path, "evaluator"), Journal(tmp_path, "worker-0")
    good.append(SCORE, encode(evaluation(new_id())))
    bad.append(1, msgspec.json.encode(begun()))
    reader = Reader(tmp_path)
    reader._list()
    [broken] = [one for one in reader._segments.values() if one.writer.startswith("worker")]

    def fail(*_: object, **__: object) -> Any:
        raise OSError("no")

    monkeypatch.setattr(broken, "read", fail)
    assert [] == reader.poll()
    assert 1 == len(reader.evaluations)
    with pytest.raises(OSError, match="no"):
        reader.poll()
    for one in (good, bad, reader):
        one.close()
