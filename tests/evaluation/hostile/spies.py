"""Looks for keys: in its environment, its parent's, those of all processes, and the given files."""

import contextlib
import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.evaluation.api import Evaluator


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    secret: str
    files: list[str]


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    Params = Params

    def evaluate(self, target):
        places = [*Path("/proc").glob("[0-9]*/environ"), *map(Path, self.params.files)]
        found = [str(dict(os.environ))]
        for place in places:
            with contextlib.suppress(OSError):
                found.append(place.read_text(errors="replace"))
        return self.params.secret in "".join(found)
