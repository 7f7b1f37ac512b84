"""Does the answer fit the JSON schema that the request gives?

The schema's own draft (`$schema`) holds, otherwise 2020-12. A schema that is wrong, or refers to what is not in it, is
no fault of the answer: skipped. `schema_errors` counts what does not fit. The evidence names places and keywords, never
values.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gateway.evaluation.api import Evaluator, Exchange, Result, ScoreSpec, Skip
from gateway_plugins._json import NotJson, read
from gateway_plugins._schema import MOST_TOLD, BadSchema, Schemas
from gateway_plugins._text import capped
from gateway_plugins.json_valid import json_text_of


class AdherenceParams(BaseModel):
    """How strictly a schema is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    formats: bool = Field(default=False, description="Check `format` (date, email, …); otherwise it is a mere remark.")


class JsonAdherence(Evaluator[AdherenceParams]):
    """Check an answer against the request's schema."""

    name = "json_adherence"
    version = "1.0.0"
    Params = AdherenceParams
    scores = (ScoreSpec(), ScoreSpec("schema_errors", "numeric", low=0, direction="min"))

    def __init__(self, params: AdherenceParams, judge: Any = None) -> None:
        super().__init__(params, judge)
        self._schemas = Schemas(formats=params.formats)

    def evaluate(self, target: Exchange) -> Result | list[Result]:
        """Read the answer and compare it."""
        schema = target.response_format.schema
        if target.response_format.kind != "json_schema" or schema is None:
            raise Skip("no_schema")
        text, evidence = capped(json_text_of(target))
        if target.finish == "length":
            return Result(False, label="truncated", evidence=evidence)
        try:
            problems = self._schemas.problems(schema, read(text))
        except NotJson as no:
            return Result(False, label="bad_json", evidence={**evidence, "problem": str(no)})
        except BadSchema:
            raise Skip("invalid_request_schema") from None
        if problems:
            evidence["errors"] = problems[:MOST_TOLD]
        label = "schema_error" if problems else "ok"
        return [Result(not problems, label=label, evidence=evidence), Result(len(problems), "schema_errors")]
