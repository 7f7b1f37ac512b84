"""Status lines, prepared once."""

from http import HTTPStatus

_OWN = {529: "Overloaded"}
_REASONS = {status.value: status.phrase for status in HTTPStatus} | _OWN

STATUS_LINES = {
    status: f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n".encode("ascii") for status in range(100, 600)
}
# Answers that never have a body, whatever their headers say (RFC 9112 6.3).
BODILESS = frozenset((204, 304))
