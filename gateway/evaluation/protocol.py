"""What the evaluator and its plugin processes say to each other: msgpack with a length before it, never a pickle."""

import struct
from collections.abc import Iterator
from typing import Any, Final, Generic, TypeVar

import msgspec

MAX_BYTES = 64 << 20  # of one message
SAID_BYTES = 4 << 20  # of one that a host says
DETAIL_BYTES = 4096  # of a traceback


class Confining(msgspec.Struct, tag="confine", kw_only=True):
    """Parent to host, first: give up every right that plugins do not need. `readable`: files that they may read
    besides Python's own. `folder`: theirs to write. `network`: the operator lets one of them use it."""

    folder: str
    readable: list[str] = []
    memory_mb: int = 512
    network: bool = False


class Measure(msgspec.Struct, kw_only=True):
    """One part of the isolation: whether it is in force, and how, or why not."""

    name: str
    in_force: bool
    word: str


class Confined(msgspec.Struct, tag="confined", kw_only=True):
    """Host to parent: what of the isolation is in force."""

    measures: list[Measure]


class Loading(msgspec.Struct, tag="load", kw_only=True):
    """Parent to host, before any job: load this evaluator. `judged`: it may ask a judge; `network`: it may use that.
    `wall_s`, `memory_mb`: the operator's limits, instead of what it declares."""

    evaluator: str
    use: str
    params: str = "{}"
    root: str = "."
    judged: bool = False
    network: bool = False
    wall_s: float | None = None
    memory_mb: int | None = None


class Spec(msgspec.Struct, kw_only=True):
    """A ScoreSpec of `api.py`."""

    name: str
    type: str
    low: float | None = None
    high: float | None = None
    labels: list[str] = []
    passing: list[str] = []
    direction: str = "max"


class Loaded(msgspec.Struct, tag="loaded", kw_only=True):
    """Host to parent: what was loaded, or why not (`problem`, with `detail` for a person). Limits are those that hold:
    the operator's where there is one."""

    evaluator: str
    plugin: str = ""
    version: str = ""
    code_hash: str = ""
    params_hash: str = ""
    distribution: str | None = None
    unit: str = "exchange"
    content: bool = True
    judge: bool = False
    max_judge_calls: int = 0
    network: bool = False
    reference: bool = False
    wall_s: float = 10.0
    cpu_s: float = 5.0
    memory_mb: int = 512
    specs: list[Spec] = []
    problem: str | None = None
    detail: str | None = None


class Kept(msgspec.Struct, kw_only=True):
    """One exchange as the log keeps it: the record's JSON; bodies as stretches (offset, bytes) with the true length."""

    record: bytes
    request: list[tuple[int, bytes]] | None = None
    request_bytes: int = 0
    response: list[tuple[int, bytes]] | None = None
    response_bytes: int = 0


class Job(msgspec.Struct, tag="job", kw_only=True):
    """Parent to host: look at this. `kept`: one exchange, all of a conversation in order, or two of a pair."""

    number: int
    evaluators: list[str]
    unit: str
    kept: list[Kept]
    session: str = ""
    feedback: dict[str, bool | float | str] = {}


class Given(msgspec.Struct, kw_only=True):
    """A Result of `api.py`, checked against nothing yet. `evidence`: JSON."""

    name: str
    value: bool | int | float | str | None
    label: str | None = None
    comment: str | None = None
    evidence: bytes = b""
    confidence: float | None = None


class Begun(msgspec.Struct, tag="begun", kw_only=True):
    """Host to parent: now this evaluator runs on this job; whatever kills the process from here on is its doing."""

    number: int
    evaluator: str


class Told(msgspec.Struct, tag="told", kw_only=True):
    """Host to parent: what an evaluator said. `result`: ok | skipped | error | retry; `reason`, `detail` as in
    Evaluation."""

    number: int
    evaluator: str
    result: str
    reason: str | None = None
    detail: str | None = None
    given: list[Given] = []
    duration_us: int = 0
    prompt_version: str | None = None


class Asking(msgspec.Struct, tag="ask", kw_only=True):
    """Host to parent: an evaluator asks its judge. `schema`: JSON. `call`: never the same in one process; `nth`: which
    of its questions about this target, the same whenever that is looked at again. `within_s`: how long it can wait."""

    number: int
    evaluator: str
    call: int
    system: str
    user: str
    schema: bytes
    max_tokens: int
    temperature: float
    nth: int = 1
    within_s: float = 600.0


class Answered(msgspec.Struct, tag="answer", kw_only=True):
    """Parent to host: what the judge said. `verdict`: JSON. `failure`: skip | retry | error, with its `reason`."""

    number: int
    call: int
    verdict: bytes = b""
    model: str = ""
    exchange: str | None = None
    cost_nano_usd: int = 0
    cached: bool = False
    failure: str | None = None
    reason: str | None = None


ToHost = Confining | Loading | Job | Answered
ToParent = Confined | Loaded | Begun | Told | Asking

M = TypeVar("M")
_LENGTH: Final = struct.Struct(">I")
_encode: Final = msgspec.msgpack.Encoder().encode


class Garbled(Exception):
    """What came is not what was agreed on."""


def framed(message: ToHost | ToParent) -> bytes:
    """Write a message with its length before it; raise ValueError and the like for one that cannot be written."""
    data = _encode(message)
    most_bytes = SAID_BYTES if isinstance(message, ToParent) else MAX_BYTES
    if len(data) > most_bytes:
        raise ValueError(f"a message of {len(data)} bytes, which is larger than {most_bytes}")
    return _LENGTH.pack(len(data)) + data


class Frames(Generic[M]):
    """Cuts a stream into messages. `kinds`: a union of those that may come; `most_bytes`: of one."""

    def __init__(self, kinds: Any, most_bytes: int = MAX_BYTES) -> None:
        self._most_bytes = most_bytes
        self._decode = msgspec.msgpack.Decoder(kinds).decode
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """Take what came, and yield the messages that are whole now; raise Garbled behind the last sound one."""
        self._buffer += data
        start = 0
        try:
            while (end := self._end_of(start)) <= len(self._buffer):
                frame = bytes(self._buffer[start + 4 : end])
                start = end
                yield self._decoded(frame)
        finally:
            del self._buffer[:start]

    def _decoded(self, frame: bytes) -> M:
        try:
            return self._decode(frame)  # type: ignore[no-any-return]
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Garbled(str(error)) from None

    def _end_of(self, start: int) -> int:
        if len(self._buffer) < start + 4:
            return MAX_BYTES * 2
        (length,) = _LENGTH.unpack_from(self._buffer, start)
        if length > self._most_bytes:
            raise Garbled(f"a message of {length} bytes; at most {self._most_bytes} are taken")
        return start + 4 + int(length)
