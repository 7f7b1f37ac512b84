"""The few members that are read of what clients ask and providers answer; the decoder skips all others.

They stand apart because a class whose annotations msgspec reads cannot be compiled. `gc=False`: made for every answer,
and nothing in it points back, so the garbage collector need not look.
"""

from typing import Any

import msgspec

from gateway.core.record import Job
from gateway.core.usage import Usage


class Fields(msgspec.Struct, kw_only=True, gc=False):
    """What was read. `options`: the raw value of `stream_options`, None where it is not there.

    `claims`: the raw members in which a body may say whom it is for; None: there are none.
    """

    model: str | None = None
    stream: bool = False
    options: bytes | None = None
    include_usage: bool = False
    max_output_tokens: int | None = None
    n: int | None = None
    claims: dict[str, bytes] | None = None


class Metadata(msgspec.Struct):
    """What a body's metadata may say about its caller."""

    session_id: Any = None
    user_id: Any = None
    tags: Any = None


class UserParts(msgspec.Struct):
    """Claude Code's user: the account, or where there is none the device, and the session."""

    device_id: Any = None
    account_uuid: Any = None
    session_id: Any = None


class PortkeyMetadata(msgspec.Struct, rename={"user": "_user"}):
    """What Portkey's header of metadata may say."""

    user: Any = None


class Conversation(msgspec.Struct):
    """A conversation that the provider keeps."""

    id: Any = None


class Answer(msgspec.Struct, gc=False):
    """The members of a JSON answer, or of a stream's chunk, that some dialect reads. All others are skipped."""

    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    service_tier: Any = None
    error: Any = None
    tool_usage: Any = None
    x_groq: Any = None
    usageMetadata: msgspec.Raw = msgspec.Raw(b"")
    modelVersion: Any = None
    duration: Any = None
    usage_info: Any = None
    svg_usage: Any = None
    meta: Any = None
    id: Any = None
    responseId: Any = None
    finish_reason: Any = None
    stop_reason: Any = None
    status: Any = None
    incomplete_details: Any = None


class Block(msgspec.Struct, gc=False):
    """A block of content, or an item of output, of which only the kind counts."""

    type: Any = None


class ChatMessage(msgspec.Struct, gc=False):
    """What a chat answers: only the calls in it count. `function_call`: the one, of before there could be many."""

    tool_calls: list[msgspec.Raw] | None = None
    function_call: Any = None


class Choice(msgspec.Struct, gc=False):
    """One of the answers of a chat."""

    finish_reason: Any = None
    message: ChatMessage | None = None


class Part(msgspec.Struct, gc=False):
    """A part of Gemini's content: the member that is there tells its kind."""

    functionCall: msgspec.Raw = msgspec.Raw(b"")
    executableCode: msgspec.Raw = msgspec.Raw(b"")
    toolCall: msgspec.Raw = msgspec.Raw(b"")


class Parts(msgspec.Struct, gc=False):
    """Gemini's content."""

    parts: list[Part] | None = None


class Candidate(msgspec.Struct, gc=False):
    """One of the answers of Gemini."""

    finishReason: Any = None
    content: Parts | None = None


class ToldAnswer(Answer):
    """An answer with what tells how it ended, in the shapes that dialects give it."""

    choices: list[Choice] | None = None
    content: list[Block] | None = None
    output: list[Block] | None = None
    candidates: list[Candidate] | None = None
    promptFeedback: Any = None


class LastLine(msgspec.Struct):
    """The last line of an answer of Ollama's own API. `done`: nothing follows."""

    model: Any = None
    done: Any = None
    done_reason: Any = None
    prompt_eval_count: Any = None
    eval_count: Any = None
    error: Any = None


class Wanted(msgspec.Struct):
    """What is read of a request whose answer does not tell what it is billed by."""

    input: Any = None
    n: Any = None
    parameters: Any = None


class Sight(msgspec.Struct, gc=False):
    """What a closer look at an answer found. `guessed`: part of the usage is an estimate.

    `job`: the work that goes on after this answer, or that it tells of. `polled`: another exchange asked for that work,
    so nothing is booked here. `response_id`, `finish_reason`: in the provider's own words; None: it told none.
    """

    usage: Usage | None = None
    model: str | None = None
    error: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    tool_calls: int = 0
    guessed: bool = False
    job: Job | None = None
    polled: bool = False


class ChatChunk(msgspec.Struct, gc=False):
    """The members of a chat chunk that are read."""

    id: Any = None
    model: Any = None
    choices: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"")
    x_groq: Any = None
    service_tier: Any = None
    error: Any = None


class ResponseObject(Answer):
    """A response, which may go on in the background."""

    background: Any = None
    output: msgspec.Raw = msgspec.Raw(b"")


class ResponsesEvent(msgspec.Struct):
    """The members of a Responses event, or of a media stream's, that are read."""

    type: Any = None
    response: ResponseObject | None = None
    item: msgspec.Raw = msgspec.Raw(b"")
    usage: msgspec.Raw = msgspec.Raw(b"")
    error: Any = None
    message: Any = None
    code: Any = None


class MessagesEvent(msgspec.Struct):
    """The members of a stream event that are read."""

    type: Any = None
    message: Any = None
    content_block: Any = None
    delta: Any = None
    usage: Any = None
    error: Any = None


class GeminiChunk(Answer):
    """An answer, and what tells its end."""

    candidates: Any = None
    promptFeedback: Any = None


class BatchObject(msgspec.Struct):
    """What OpenAI tells of a batch, and Anthropic of a batch of messages."""

    id: Any = None
    status: Any = None
    processing_status: Any = None
    request_counts: Any = None
    model: Any = None
    usage: msgspec.Raw = msgspec.Raw(b"")


class Message(msgspec.Struct):
    """The answer to one request of a batch."""

    model: Any = None
    usage: Any = None


class ResultBody(msgspec.Struct):
    """How one request of a batch went."""

    type: Any = None
    message: Message | None = None


class ResultLine(msgspec.Struct):
    """One line of a batch's results."""

    result: ResultBody


class InlinedEntry(msgspec.Struct):
    """How one request of a Gemini batch went."""

    response: Answer | None = None


class InlinedList(msgspec.Struct):
    """The answers to a batch, in an object of their own."""

    inlinedResponses: list[InlinedEntry] = []


class BatchOutput(msgspec.Struct):
    """What a Gemini batch ended with."""

    inlinedResponses: InlinedList | list[InlinedEntry] | None = None
    inlinedEmbedContentResponses: InlinedList | list[InlinedEntry] | None = None


class OperationState(msgspec.Struct):
    """How far a Gemini batch is; the SDK looks for its output here."""

    model: Any = None
    output: BatchOutput | None = None


class Operation(msgspec.Struct):
    """A long-running operation of Google's; a batch is one."""

    name: Any = None
    done: Any = None
    metadata: OperationState | None = None
    response: BatchOutput | None = None
