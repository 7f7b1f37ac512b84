"""Writes where it must not."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.evaluation.api import Evaluator


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    Params = Params

    def evaluate(self, target):
        Path(self.params.path).write_text("was here")
