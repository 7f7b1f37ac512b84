"""What do the chunks of a chat add up to? OpenAI's, Ollama's lines, Cohere's events, and plain completions'."""

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.evaluation.normal.shape import Assembled, Document
from gateway.evaluation.normal.values import dicts, first, members, text, words


def assemble(events: Iterable[Document]) -> Assembled:
    """Put chunks together. The end is a reason to stop, or `{"done": true}`, which also stands for `[DONE]`."""
    choices: dict[Any, _Choice] = {}
    error = None
    has_ended = False
    for event in events:
        error = error or event.get("error")
        has_ended = has_ended or event.get("done") is True
        for piece in _pieces(event):
            place = piece.get("index")
            choices.setdefault(place if type(place) is int else 0, _Choice()).take(piece)
    whole = [choice.document() for _, choice in sorted(choices.items())]
    ended = has_ended or bool(whole and whole[0]["finish_reason"])
    return Assembled({"choices": whole, "error": error}, ended and not error)


def _pieces(event: Document) -> Iterator[Document]:
    """Give what an event adds to which choice, as OpenAI's chunks say it."""
    if "choices" in event:
        yield from dicts(event["choices"])
    elif isinstance(event.get("delta"), dict):  # Cohere
        delta = event["delta"]
        yield {"delta": _of_cohere(delta, event.get("index")), "finish_reason": delta.get("finish_reason")}
    elif isinstance(event.get("message"), dict):
        yield {"delta": event["message"], "finish_reason": event.get("done_reason")}
    else:
        content = first(event, "response", "completion")
        finish = first(event, "done_reason", "stop_reason")
        if content is not None or finish:
            yield {"delta": {"content": content, "thinking": event.get("thinking")}, "finish_reason": finish}


def _of_cohere(delta: Document, index: Any) -> Document:
    message = members(delta.get("message"))
    content = members(message.get("content"))
    told: Document = {"content": content.get("text"), "thinking": content.get("thinking")}
    if call := members(message.get("tool_calls")):
        told["tool_calls"] = [{**call, "index": index}]
    return told


class _Choice:
    """One choice, as far as it came."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.transcript: list[str] = []
        self.sound: list[str] = []
        self.rest: list[Document] = []  # parts that are no words
        self.images: list[Document] = []
        self.calls: dict[Any, _Call] = {}
        self.function = _Call()
        self.finish: str | None = None

    def take(self, piece: Document) -> None:
        self.finish = text(piece.get("finish_reason")) or self.finish
        delta = members(piece.get("delta"))
        if not delta:
            # Some end their stream with the whole message, or say it in one piece.
            delta = {"content": piece["text"]} if "text" in piece else members(piece.get("message"))
        self._take_content(delta.get("content"))
        self.reasoning.append(words(first(delta, "reasoning_content", "reasoning", "thinking", "reasoning_details")))
        self.refusal.append(text(delta.get("refusal")))
        audio = members(delta.get("audio"))
        self.transcript.append(text(audio.get("transcript")))
        self.sound.append(text(audio.get("data")))
        self.images += dicts(delta.get("images"))
        for call in dicts(delta.get("tool_calls")):
            self._take_call(call)
        self.function.take({"function": delta.get("function_call")})

    def document(self) -> Document:
        message: Document = {"content": "".join(self.content), "reasoning": "".join(self.reasoning)}
        if self.rest:
            message["content"] = [{"type": "text", "text": message["content"]}, *self.rest]
        message["refusal"] = "".join(self.refusal)
        message["tool_calls"] = [call.document() for call in self.calls.values()]
        message["images"] = self.images
        message["function_call"] = self.function.document().get("function")
        if any(self.sound) or any(self.transcript):
            message["audio"] = {"data": "".join(self.sound), "transcript": "".join(self.transcript)}
        return {"message": message, "finish_reason": self.finish}

    def _take_content(self, content: Any) -> None:
        if isinstance(content, str):
            self.content.append(content)
        for part in dicts(content):
            if part.get("type") == "thinking":
                self.reasoning.append(words(part.get("thinking")))
            elif isinstance(part.get("text"), str):
                self.content.append(part["text"])
            else:
                self.rest.append(part)

    def _take_call(self, call: Document) -> None:
        place = call.get("index")
        if type(place) is not int:
            place = f"{len(self.calls)}"  # whole calls, without a place
        self.calls.setdefault(place, _Call()).take(call)


class _Call:
    """A tool call, as far as it came: its first chunk names it, all have more of its arguments."""

    def __init__(self) -> None:
        self.named: Document = {}
        self.kind = "function"
        self.function: Document = {}
        self.written: list[str] = []

    def take(self, call: Document) -> None:
        self.named |= {name: value for name, value in call.items() if value and name not in self.named}
        self.kind = "custom" if "custom" in call else self.kind
        for name, value in members(call.get(self.kind)).items():
            if name in ("arguments", "input") and isinstance(value, str):
                self.written.append(value)
            elif value is not None and not self.function.get(name):
                self.function[name] = value

    def document(self) -> Document:
        function = dict(self.function)
        if self.written:
            function["input" if self.kind == "custom" else "arguments"] = "".join(self.written)
        return {**self.named, self.kind: function}
