"""What of a record itself must go? Whatever a caller or a provider wrote freely; never who it is, nor what it costs."""

from typing import Any, Final

from msgspec.structs import replace

from gateway.core.record import Attempt, Record
from gateway.policies.redaction import Effort, Redaction

# User, session and agent stay: they are the names that money is booked under. Nor is anything counted touched.
_TEXTS: Final = (
    *("client", "path", "model_requested", "model_served", "request_content_type", "response_content_type"),
    *("error", "response_id", "finish_reason"),
)
_OF_ATTEMPTS: Final = ("model", "error", "upstream_request_id")


def redacted_record(record: Record, redaction: Redaction, effort: Effort) -> Record:
    """Return a record of which nothing more must go; the same one where nothing did."""
    texts = [*_texts(record)]
    _, count = redaction.text("\n".join(texts).encode("utf-8", "replace"), effort)
    if not count:
        return record
    plain = _Plain(redaction, effort)
    changes: dict[str, Any] = {name: plain(getattr(record, name)) for name in _TEXTS}
    changes["tags"] = [plain(tag) for tag in record.tags]
    changes["metadata"] = {plain(name): plain(value) for name, value in record.metadata.items()}
    changes["attempts"] = [
        replace(attempt, **{name: plain(getattr(attempt, name)) for name in _OF_ATTEMPTS})
        for attempt in record.attempts
    ]
    return replace(record, **changes, redactions=record.redactions + plain.count)


class _Plain:
    """Redacts texts, and counts."""

    def __init__(self, redaction: Redaction, effort: Effort) -> None:
        self.count = 0
        self._redaction = redaction
        self._effort = effort

    def __call__(self, text: Any) -> Any:
        if not text:
            return text
        kept, count = self._redaction.text(text.encode("utf-8", "replace"), self._effort)
        self.count += count
        return kept.decode("utf-8", "replace") if count else text


def _texts(record: Record) -> list[str]:
    """Return everything that is looked at, in one list: most records hold nothing that must go."""
    attempts: list[Attempt] = record.attempts
    texts = [getattr(record, name) for name in _TEXTS]
    texts += (getattr(attempt, name) for attempt in attempts for name in _OF_ATTEMPTS)
    texts += record.tags
    for name, value in record.metadata.items():
        texts += (name, value)
    return [text for text in texts if text]
