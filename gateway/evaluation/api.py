"""What the author of a plugin imports: an evaluator gets one exchange, as below, and returns scores."""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

API_VERSION = 1

Role = Literal["system", "user", "assistant", "tool"]
Unit = Literal["exchange", "conversation", "pair"]
ScoreType = Literal["numeric", "boolean", "categorical", "text"]
Direction = Literal["max", "min", "none"]
# Why an answer ended, in one vocabulary for all dialects; None: it never said.
Finish = Literal["stop", "length", "tool_calls", "content_filter", "refusal", "pause", "error", "other"]


# --- what an evaluator declares -------------------------------------------------------------------------------------


class NoParams(BaseModel):
    """The parameters of an evaluator that has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Needs:
    """What an evaluator needs; it gets nothing else.

    `content`: False, and it sees only the facts of the record. `judge`: it may ask a model, through `self.judge`, at
    most `max_judge_calls` times for a target. `network`: also the operator must allow it. `reference`: skipped where no
    expected answer is known. `unit`: what it is given. `wall_s`, `cpu_s`, `memory_mb`: beyond them it is ended.
    """

    content: bool = True
    judge: bool = False
    max_judge_calls: int = 4
    network: bool = False
    reference: bool = False
    unit: Unit = "exchange"
    wall_s: float = 10.0
    cpu_s: float = 5.0
    memory_mb: int = 512


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """One score that an evaluator gives. The empty name is its main score, called like the evaluator itself.

    `low`, `high`: of a number. `labels`: the closed set of a categorical one; `passing`: those of them that are good.
    `direction`: which way is better; a boolean with `min` is better when False.
    """

    name: str = ""
    type: ScoreType = "boolean"
    low: float | None = None
    high: float | None = None
    labels: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    direction: Direction = "max"


@dataclass(frozen=True, slots=True)
class Result:
    """One score, as an evaluator returns it. `value`: as the spec's type says; of a categorical one the label.

    `evidence`: offsets, pointers, counts (JSON, at most 8 KiB); never a secret that was found.
    """

    value: bool | float | str
    name: str = ""
    label: str | None = None
    comment: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    confidence: float | None = None


class Skip(Exception):
    """Raise it where the evaluator has nothing to say: `Skip("no_schema")`. The target then counts as skipped."""


class Retryable(Exception):
    """Raise it where another try may help: a provider that is busy, a connection that broke."""


# --- what an evaluator is given -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool to run. `arguments`: JSON as the model wrote it (of dialects that send an object: that,
    encoded). `server`: the provider runs the tool itself."""

    id: str
    name: str
    arguments: str
    server: bool = False


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool returned. `name`: of the tool, where it is known."""

    id: str
    text: str
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or file. `kind`: image | audio | video | document | data."""

    kind: str
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """What one side said. Parts that are words are joined into `text`; `reasoning` is what the model thought aloud."""

    role: Role
    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_results: tuple[ToolResult, ...] = ()
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the request offers. `schema`: of its arguments, as sent; None: the provider's own tool."""

    name: str
    description: str = ""
    schema: Mapping[str, Any] | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Which tools the request allows. `mode`: auto | none | required | named (then `name`)."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    name: str | None = None
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class ResponseFormat:
    """Which form the request asks for. `kind`: text | json_object | json_schema."""

    kind: Literal["text", "json_object", "json_schema"] = "text"
    schema: Mapping[str, Any] | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider told them; parts are contained in the totals."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, in one shape for every dialect. Everything is read only.

    `messages`: the conversation so far, as the request holds it, the system prompt first. `answer`: what the model said
    (the first choice; `choices`: all of them). `record`: all facts of the log (docs/record.md). `request`, `response`:
    the bodies without their content-encoding, None where none was kept. `is_truncated`: a body was cut by `max_body`,
    so that something may be missing here. `is_complete`: the answer came to its end. `cost_usd`: None where it is not
    known. `max_tokens`: the limit that the request set. `prompt_version`: a hash of the system prompt. `reference`: the
    expected answer, where there is one.
    """

    id: str
    team: str = "default"
    dialect: str = "openai"
    endpoint: str = "chat"
    model: str = ""
    outcome: str = "ok"
    status: int | None = 200
    stream: bool = False
    messages: tuple[Message, ...] = ()
    choices: tuple[Message, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    response_format: ResponseFormat = ResponseFormat()
    max_tokens: int | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    first_token_ms: float | None = None
    duration_ms: float | None = None
    is_complete: bool = True
    is_truncated: bool = False
    prompt_version: str | None = None
    session: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)
    request: bytes | None = None
    response: bytes | None = None
    reference: Any = None

    @property
    def answer(self) -> Message:
        """What the model said; empty if it said nothing."""
        return self.choices[0] if self.choices else Message("assistant")

    @property
    def text(self) -> str:
        """The words of the answer, without reasoning."""
        return self.answer.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that the answer calls."""
        return self.answer.tool_calls

    @property
    def system(self) -> str:
        """The system prompt: what stands before everything else."""
        return system_of(self.messages)

    @property
    def asked(self) -> str:
        """The last thing that the user said."""
        return next((each.text for each in reversed(self.messages) if each.role == "user" and each.text), "")


def system_of(messages: Sequence[Message]) -> str:
    """Return the system prompt of a conversation. A system message further down is a reminder, and none of it."""
    return "\n".join(each.text for each in takewhile(lambda message: message.role == "system", messages))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The exchanges of one session, in order. `feedback`: what people said of it, by name.

    An agent sends the whole history each time, so `messages` is the longest list that any request held, and the last
    answer behind it.
    """

    session: str
    exchanges: tuple[Exchange, ...]
    feedback: Mapping[str, bool | float | str] = field(default_factory=dict)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation, once."""
        longest = max(self.exchanges, key=lambda each: len(each.messages), default=None)
        if longest is None:
            return ()
        return (*longest.messages, longest.answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two answers to the same question."""

    a: Exchange
    b: Exchange


Target = Exchange | Conversation | Pair


# --- asking a model -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """What the judge said: `verdict` fits the schema that was asked for. `cached`: nobody was asked again."""

    verdict: Mapping[str, Any]
    model: str
    exchange: str | None = None
    cost_usd: float = 0.0
    cached: bool = False


class Judge(Protocol):
    """A model that judges. Its calls go through the gateway, under budgets; the plugin never sees a key."""

    async def ask(
        self, system: str, user: str, schema: Mapping[str, Any], *, max_tokens: int = 1024, temperature: float = 0.0
    ) -> JudgeAnswer:
        """Ask for a JSON object that fits `schema`. Raise Skip (refused, no money left), Retryable, or JudgeError."""
        ...


class JudgeError(Exception):
    """The judge's answer cannot be used, also when asked again; the message is a short reason, as `judge_format`."""


# --- the evaluator itself -------------------------------------------------------------------------------------------

P = TypeVar("P", bound=BaseModel)
Verdict = bool | float | str | Result | Sequence[Result]


class Evaluator(Generic[P]):
    """Base of all evaluators: name it, version it, say which scores it gives, and write `evaluate`.

    `evaluate` may be `async`. It returns a value for the main score, one Result, or one Result for each of `scores`
    that it has something to say about. The same target and parameters give the same scores.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    Params: ClassVar[type[BaseModel]] = NoParams
    needs: ClassVar[Needs] = Needs()
    scores: ClassVar[tuple[ScoreSpec, ...]] = (ScoreSpec(),)

    @classmethod
    def scores_for(cls, params: Any) -> tuple[ScoreSpec, ...]:
        """Return the scores that it gives with these parameters: `scores`, unless the parameters say which."""
        return cls.scores

    def __init__(self, params: P, judge: Judge | None = None) -> None:
        self.params = params
        self._judge = judge

    @property
    def judge(self) -> Judge:
        """The model to ask; there is one only where `needs.judge` says so."""
        if self._judge is None:
            raise RuntimeError("declare needs = Needs(judge=True) to ask a judge")
        return self._judge

    def evaluate(self, target: Any) -> Verdict | Awaitable[Verdict]:
        """Look at an Exchange (or what `needs.unit` says) and judge it."""
        raise NotImplementedError(f"{type(self).__name__} needs a method `evaluate`")
