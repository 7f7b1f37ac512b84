"""Status lines, prepared once."""

from http import HTTPStatus
from typing import Final

_OWN: Final = {529: "Overloaded"}
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus} | _OWN

STATUS_LINES: Final = {
    status: f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n".encode("ascii") for status in range(100, 600)
}
# Answers that never have a body, whatever their headers say (RFC 9112 6.3).
BODILESS: Final = frozenset((204, 304))
