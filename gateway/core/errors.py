"""Who said no, and what the caller may do about it: Refusal (we did) and UpstreamFailure (they failed)."""

from typing import NamedTuple


class RefusalKind(NamedTuple):
    """What a kind of refusal looks like on the wire.

    `should_retry`: the value of `x-should-retry` (None: not sent). `records`: whether it is written down when the
    caller is known (what an unauthenticated caller does is only counted).
    """

    status: int
    outcome: str
    should_retry: bool | None = None
    retry_after_s: int | None = None


REFUSALS = {
    "invalid_key": RefusalKind(401, "auth_failed", should_retry=False),
    "bad_request": RefusalKind(400, "client_error", should_retry=False),
    "not_found": RefusalKind(404, "client_error", should_retry=False),
    "method_not_allowed": RefusalKind(405, "client_error", should_retry=False),
    "model_not_allowed": RefusalKind(403, "policy_blocked", should_retry=False),
    "model_not_found": RefusalKind(404, "client_error", should_retry=False),
    "path_not_allowed": RefusalKind(403, "policy_blocked", should_retry=False),
    "body_too_large": RefusalKind(413, "client_error", should_retry=False),
    "unsupported_encoding": RefusalKind(415, "client_error", should_retry=False),
    "request_timeout": RefusalKind(408, "client_error", should_retry=False),
    "upgrade_required": RefusalKind(426, "client_error", should_retry=False),
    "price_unknown": RefusalKind(403, "policy_blocked", should_retry=False),
    "budget_exceeded": RefusalKind(429, "budget_blocked", should_retry=False),
    "unbounded_request": RefusalKind(400, "budget_blocked", should_retry=False),
    "bound_exceeded": RefusalKind(403, "budget_blocked", should_retry=False),
    "ledger_down": RefusalKind(503, "overloaded", retry_after_s=1),
    "rate_limited": RefusalKind(429, "rate_limited", retry_after_s=1),
    "no_provider": RefusalKind(503, "gateway_error", should_retry=False),
    "journal_down": RefusalKind(503, "overloaded", retry_after_s=1),
    "overloaded": RefusalKind(503, "overloaded", retry_after_s=1),
    "draining": RefusalKind(503, "overloaded", retry_after_s=1),
    "upstream_connect": RefusalKind(502, "upstream_error"),
    "upstream_protocol": RefusalKind(502, "upstream_error", should_retry=False),
    "upstream_timeout": RefusalKind(504, "timeout", should_retry=False),
    "internal_error": RefusalKind(500, "gateway_error", should_retry=False),
}


class Standing(NamedTuple):
    """How a rate stands, for headers that clients read. `unit`: requests | tokens.

    `left` of `most` can come at once; all of it again in `full_ms`, which is at `full_at_s` of Unix time.
    """

    unit: str
    most: int
    left: int
    full_ms: int
    full_at_s: int


class Advice(NamedTuple):
    """What a refusal says to programs, beside its message. `status`: instead of the kind's own.

    `retry_after_ms`: when it is worth while to come again. `resets_s`: when a budget begins anew, in Unix time.
    """

    status: int | None = None
    retry_after_ms: int | None = None
    resets_s: int | None = None
    standing: Standing | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()


_NO_ADVICE = Advice()


class Refusal(Exception):
    """We say no. `kind` is a key of REFUSALS; `message` tells the caller what to do next."""

    def __init__(self, kind: str, message: str, *, param: str | None = None, advice: Advice = _NO_ADVICE) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.param = param  # the request field at fault, where there is one
        self.advice = advice
        self.dialect: str | None = None  # whose words to say it in, where only the refuser knows
        self.client: str | None = None  # a program that reads some refusals in a way of its own (wire/clients.py)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.advice.status or REFUSALS[self.kind].status

    @property
    def outcome(self) -> str:
        """The outcome of the exchange (core.record.OUTCOMES)."""
        return REFUSALS[self.kind].outcome


class UpstreamFailure(Exception):
    """They failed. `kind`: connect | timeout | protocol | truncated.

    `reused`: the connection came from the pool. `answered`: at least one byte of an answer had arrived.
    A failure is safe to retry only on a reused connection that died before any answer byte.
    """

    def __init__(self, kind: str, message: str, *, reused: bool = False, answered: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.reused = reused
        self.answered = answered

    @property
    def retryable(self) -> bool:
        """Whether the request may be sent once more, on a fresh connection."""
        return self.reused and not self.answered and self.kind in ("connect", "protocol", "truncated")
