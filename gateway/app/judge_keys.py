"""The keys of the judges: made by the supervisor, known to the evaluator, and to the workers only as hashes."""

import secrets
from collections.abc import Iterable
from hashlib import sha256


class JudgeKeys:
    """A key for each evaluator that asks a judge, for as long as the supervisor lives."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def of(self, evaluators: Iterable[str]) -> dict[str, str]:
        """Return the keys of these evaluators; who had none gets one."""
        return {name: self._keys.setdefault(name, f"tw-judge-{secrets.token_urlsafe(32)}") for name in evaluators}

    def digests(self, evaluators: Iterable[str]) -> dict[str, str]:
        """Return their SHA-256 in hex."""
        return {name: sha256(key.encode()).hexdigest() for name, key in self.of(evaluators).items()}
