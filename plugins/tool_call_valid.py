"""Are the answer's tool calls ones that the caller can run?

The worst that is true of any call counts; from bad to worse: `unknown_tool`, `bad_json` (the arguments are no JSON
object), `schema_error` (they do not fit the tool's schema), `choice_violation` (the request forbids the call, or wants
one that is missing), `dup_id`, `truncated` (the answer reached its limit of tokens). Tools that the provider runs are
not looked at, and tools of its own making have no schema.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from gateway.evaluation.api import Evaluator, Exchange, NoParams, Result, ScoreSpec, Skip, Tool, ToolCall
from gateway_plugins._answer import is_refused, whole_answer_of
from gateway_plugins._json import NotJson, read
from gateway_plugins._schema import MOST_TOLD, BadSchema, Schemas
from gateway_plugins._text import capped

LABELS: Final = ("ok", "unknown_tool", "bad_json", "schema_error", "choice_violation", "dup_id", "truncated")


class Finding(NamedTuple):
    """What is true of one call; `number` None: of all together."""

    label: str
    number: int | None = None
    errors: Sequence[tuple[str, str]] = ()


class ToolCallValid(Evaluator[NoParams]):
    """Check tool calls against the tools and the choice that the request gives."""

    name = "tool_call_valid"
    version = "1.0.0"
    scores = (
        ScoreSpec(type="categorical", labels=LABELS, passing=("ok",)),
        ScoreSpec("calls", "numeric", low=0, direction="none"),
    )

    def __init__(self, params: NoParams, judge: Any = None) -> None:
        super().__init__(params, judge)
        self._schemas = Schemas()

    def evaluate(self, target: Exchange) -> list[Result]:
        """Look at every call, and at all together."""
        answer = whole_answer_of(target)
        calls = [call for call in answer.tool_calls if not call.server]
        if not calls and (is_refused(target) or target.finish == "content_filter"):
            raise Skip("refused")
        if not calls and (not target.tools or target.tool_choice.mode == "auto"):
            raise Skip("no_calls" if target.tools else "no_tools")
        evidence: dict[str, Any] = {}
        findings = [*self._of_calls(target, calls, evidence), *_of_all(target, calls, answer.tool_calls)]
        worst = max([finding.label for finding in findings], key=LABELS.index, default="ok")
        if findings:
            evidence["findings"] = [_told(finding) for finding in findings[:MOST_TOLD]]
        return [Result(worst, evidence=evidence), Result(len(calls), "calls")]

    def _of_calls(self, target: Exchange, calls: Sequence[ToolCall], evidence: dict[str, Any]) -> Iterator[Finding]:
        tools = {tool.name: tool for tool in target.tools}
        for number, call in enumerate(calls):
            tool = tools.get(call.name)
            if tool is None:
                yield Finding("unknown_tool", number)
            elif tool.schema is not None:
                yield from self._of_arguments(tool, call, number, evidence)

    def _of_arguments(self, tool: Tool, call: ToolCall, number: int, evidence: dict[str, Any]) -> Iterator[Finding]:
        written, cut = capped(call.arguments)
        evidence |= cut
        schema = tool.schema or {}
        if not written.strip() and not schema.get("required"):
            evidence["empty_args"] = True
            written = "{}"
        try:
            arguments = read(written)
            errors = self._schemas.problems(schema, arguments) if isinstance(arguments, dict) else None
        except NotJson:
            errors = None
        except BadSchema:
            raise Skip("invalid_request_schema") from None
        if errors is None:
            yield Finding("bad_json", number)
        elif errors:
            yield Finding("schema_error", number, errors)


def _of_all(target: Exchange, calls: Sequence[ToolCall], with_servers: Sequence[ToolCall]) -> Iterator[Finding]:
    """Compare the calls with what the request allows. A tool that the provider ran is a call, too."""
    choice = target.tool_choice
    called = {call.name for call in with_servers}
    others = {call.name for call in calls} - {choice.name}
    violated = {
        "auto": False,
        "none": bool(calls),
        "required": not called,
        "named": choice.name not in called or bool(others),
    }
    if violated[choice.mode] or (not choice.parallel and len(calls) > 1):
        yield Finding("choice_violation")
    ids = [call.id for call in calls if call.id]
    if len(set(ids)) < len(ids):
        yield Finding("dup_id")
    if target.finish == "length":
        yield Finding("truncated")


def _told(finding: Finding) -> dict[str, Any]:
    told: dict[str, Any] = {"label": finding.label}
    if finding.number is not None:
        told["call"] = finding.number
    if finding.errors:
        told["errors"] = list(finding.errors[:MOST_TOLD])
    return told
