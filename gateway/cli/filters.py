"""Which options choose exchanges? Those of `tollway logs`, which `tollway spend` takes, too."""

import time
from collections.abc import Mapping

from gateway.cli.options import USAGE, Offered, fail
from gateway.store.asking import query
from gateway.store.filters import BadFilter
from gateway.store.interface import Query

# Option -> its value's name, and what it does. Names with `_` are written with `-`.
FILTERS = {
    "team": ("NAME", "Only of this team. Patterns such as 'web-*' work for all names."),
    "key": ("NAME", "Only with the key of this name."),
    "model": ("NAME", "Only of this model, as requested or as served."),
    "provider": ("NAME", "Only from this provider."),
    "route": ("NAME", "Only by this route."),
    "endpoint": ("NAME", "Only this kind of call: chat, messages, embeddings, …"),
    "status": ("STATUS", "Only with this status: 429, or 5xx."),
    "ok": ("true|false", "Only what ended well, or only what did not."),
    "outcome": ("OUTCOME", "Only with this outcome: ok, client_error, upstream_error, …"),
    "error": ("TEXT", "Only where the error says this."),
    "finish_reason": ("WORD", "Only where the model stopped for this reason: stop, length, …"),
    "tool_calls": ("true|false", "Only answers that call tools, or only those that do not."),
    "stream": ("true|false", "Only streams, or only what was none."),
    "usage_source": ("WORD", "Only with usage from here: provider, partial, estimated, none."),
    "bodies": ("WORD", "Only where this was kept of the bodies: full, redacted, none."),
    "session": ("ID", "Only of this session."),
    "user": ("ID", "Only of this user."),
    "agent": ("NAME", "Only of this agent."),
    "client": ("NAME", "Only of this client: 'claude-cli*'."),
    "tag": ("TAG[,TAG…]", "Only with one of these tags."),
    "all_tags": ("TAG[,TAG…]", "Only with each of these tags."),
    "metadata": ("NAME=VALUE", "Only where the metadata say this; VALUE may be a pattern."),
    "id": ("ID", "Only those whose id begins so."),
    "response_id": ("ID", "Only the one that the provider calls so."),
    "trace_id": ("ID", "Only of this trace."),
    "since": ("WHEN", "From then on: 30m, 1h, 2d, or 2026-11-23T08:00 (UTC)."),
    "until": ("WHEN", "Before then."),
    "min_cost": ("USD", "At least this dear."),
    "max_cost": ("USD", "At most this dear."),
    "min_tokens": ("N", "At least so many tokens, input and output together."),
    "max_tokens": ("N", "At most so many tokens."),
    "min_duration": ("TIME", "At least this long: 500ms, 2s."),
    "max_duration": ("TIME", "At most this long."),
    "min_first_token": ("TIME", "First token no earlier than this."),
    "max_first_token": ("TIME", "First token no later than this."),
    "score": ("NAME:IS[,…]", "Only with such a score: json_valid:fail, helpful:<0.5, thumbs:missing, *:fail."),
    "text": ("TEXT", "Only with this text in the request or the answer."),
}
OFFERED = {name: Offered(str, metavar, meaning) for name, (metavar, meaning) in FILTERS.items()}


def read(filters: Mapping[str, str | None]) -> Query:
    """Read filters as given; what makes no sense ends the command."""
    asked = {name: value for name, value in filters.items() if value is not None}
    try:
        return query(asked, time.time_ns() // 1_000_000)
    except BadFilter as error:
        fail(f"--{error.name.replace('_', '-')}: {error}", USAGE)
