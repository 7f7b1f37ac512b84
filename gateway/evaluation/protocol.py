"""What the evaluator and its plugin processes say to each other: msgpack with a length before it, never a pickle."""

import msgspec

MAX_BYTES = 64 << 20  # of one message
DETAIL_BYTES = 4096  # of a traceback


class Loading(msgspec.Struct, tag="load", kw_only=True):
    """Parent to host, first: load this evaluator. `judged`: it may ask a judge."""

    evaluator: str
    use: str
    params: str = "{}"
    root: str = "."
    judged: bool = False


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
    """Host to parent: what was loaded, or why not (`problem`, with `detail` for a person)."""

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
    """Host to parent: an evaluator asks its judge. `schema`: JSON."""

    number: int
    evaluator: str
    call: int
    system: str
    user: str
    schema: bytes
    max_tokens: int
    temperature: float


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


ToHost = Loading | Job | Answered
ToParent = Loaded | Begun | Told | Asking
