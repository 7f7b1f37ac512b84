"""How are expressions written so that a word stands in one place only?"""

import re

# Outcomes that are our fault or the provider's, and those that are the caller's and count for nothing.
FAILED = "upstream_error|timeout|overloaded|gateway_error"
UNCOUNTED = "client_error|auth_failed|rate_limited|budget_blocked|policy_blocked|cancelled"
# Results of an attempt that are the provider's fault; a 429 is its limit, a 4xx the caller's request.
PROVIDER_FAULT = "5xx|timeout|connect|protocol"

_WORDS = {
    "$S": 'job=~"$job",instance=~"$instance"',
    "$R": "$__rate_interval",
    "$FAILED": FAILED,
    "$UNCOUNTED": UNCOUNTED,
    "$PROVIDER_FAULT": PROVIDER_FAULT,
}
_WORD = re.compile(r"\$(?:S|R|FAILED|UNCOUNTED|PROVIDER_FAULT)\b")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(r"(?<=\[)\d+[smhdw](?=\])|(?<=offset )\d+[smhdw]\b")


def fill(expression: str) -> str:
    """Replace our words in an expression: `$S` selects by the dashboard's variables, `$R` is the interval for rates."""
    return _WORD.sub(lambda found: _WORDS[found[0]], expression)


def seconds(duration: str) -> int:
    """Read a duration such as 5m."""
    return int(duration[:-1]) * _SECONDS[duration[-1]]


def shortened(duration: str, times: int) -> str:
    """Write a duration so many times shorter."""
    return duration if times == 1 else f"{round(seconds(duration) * 1000 / times)}ms"


def rehearsed(expression: str, times: int) -> str:
    """Shorten every window and offset of an expression: a rehearsal takes seconds where the rule looks at days."""
    return _DURATION.sub(lambda found: shortened(found[0], times), expression)


def risen(series: str, window: str, by: str) -> str:
    """Say that a counter rose within a window, also by being born: increase() does not see a series' first value.

    It counts as born only where the target was watched before, so that a new Prometheus takes nothing old for new.
    """
    return (
        f"sum by (job, {by}) (increase({series}[{window}])) > 0\n"
        "or\n"
        f"sum by (job, {by}) (({series} unless {series} offset {window})"
        f" and on (job, instance) tollway_build_info offset {window}) > 0"
    )
