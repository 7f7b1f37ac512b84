"""Speaks with a server on this machine."""

import socket

from pydantic import BaseModel, ConfigDict

from gateway.evaluation.api import Evaluator


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")

    port: int


class Hostile(Evaluator):
    name = "hostile"
    version = "1"
    Params = Params

    def evaluate(self, target):
        with socket.create_connection(("127.0.0.1", self.params.port)):
            return True
