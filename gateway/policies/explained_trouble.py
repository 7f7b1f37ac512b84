"""Who said no, or failed, what exactly was in the way, and what to do next? Read from what a record says of its end."""

import re
from typing import Any, Final, NamedTuple

from gateway.core.errors import REFUSALS
from gateway.core.record import Record
from gateway.policies.budget import COMPANY


class Trouble(NamedTuple):
    """Why an exchange did not end well. `by`: tollway | provider | client.

    `kind`: of our refusal (core.errors.REFUSALS), else the record's outcome. `said`: the message of then.
    `budget`, `limit`: which of them was in the way, with its id; `part`: whose share (`?user=ann`). `advice`: what to
    do next.
    """

    by: str
    kind: str
    said: str
    budget: str | None
    limit: str | None
    part: str
    advice: str

    @property
    def owner(self) -> str | None:
        """Whose budget or limit it is: a team's name, or `company`."""
        return (self.budget or self.limit or "").partition("/")[0] or None

    @property
    def file(self) -> str | None:
        """Where it is configured."""
        owner = self.owner
        return None if owner is None else "config.toml" if owner == COMPANY else f"teams/{owner}.toml"


# How refusals name what is in the way (policies/refusing.py). What clients claim stands before it: the last counts.
_BUDGET: Final = {
    "budget_exceeded": re.compile(r".*\(budget (\S+)\): ", re.DOTALL),
    "unbounded_request": re.compile(r".*\(The budget (\S+) is strict\.\)\Z", re.DOTALL),
    "bound_exceeded": re.compile(r".* thought possible, and the budget (\S+) is strict: it refuses ", re.DOTALL),
    "ledger_down": re.compile(r"What is left of the budget (\S+) cannot be asked"),
}
_LIMIT: Final = re.compile(r"Rate limit reached for ([^\s?]+)(\?\S*)?: ")

_RAISE: Final = (
    "Wait until it begins anew, or raise it: tollway budget raise {id} AMOUNT --for window --why TEXT. "
    "It is configured in {file}."
)
_LATER: Final = "Try again in a moment. If it goes on, look at tollway_worker_up, /readyz and the log of the gateway."
_OURS: Final = {
    "invalid_key": "Use a key of a team: tollway key list shows whose there are, tollway key new makes one.",
    "bad_request": "Correct the request: the message says what is wrong with it.",
    "not_found": "Correct the path: base URLs end in /v1 for OpenAI's SDKs, and have no path for the others.",
    "method_not_allowed": "Use another method for this path.",
    "model_not_allowed": "Ask for a model that the key may use (GET /v1/models lists them), or extend [models] allow.",
    "model_not_found": "Ask for another model, or add the name to the models of a provider or to [[routes]].",
    "path_not_allowed": "Administration stays closed; allow_paths of [providers.NAME] opens single paths.",
    "body_too_large": "Send less, or raise [server] max_request_body.",
    "unsupported_encoding": "Send the body without Content-Encoding.",
    "request_timeout": "The client was too slow: see [server] header_timeout and body_timeout.",
    "upgrade_required": "WebSockets are not served: let the client use HTTP.",
    "price_unknown": "Name the price under [providers.NAME] prices, or change [prices] unknown_model.",
    "budget_exceeded": _RAISE,
    "unbounded_request": "Send a maximum of output tokens, or say what the model can write: [models.NAME].",
    "bound_exceeded": "Correct [models.NAME] or prices, then: tollway budget acknowledge PROVIDER/MODEL --why TEXT.",
    "ledger_down": "Nobody kept the books at that moment: see the recorder's log, and on_authority_loss of the budget.",
    "rate_limited": "Come again after the time that the answer named, or widen the limit: it is configured in {file}.",
    "no_provider": "Configure a provider for it: tollway check shows which there are.",
    "journal_down": "The journal could not be written: look at the disk of data_dir.",
    "overloaded": _LATER,
    "draining": "The gateway was ending: try again, another process takes it.",
    "upstream_connect": "{provider} could not be reached: check base_url, the network, and the provider's own status.",
    "upstream_protocol": "{provider} answered what is no HTTP: check base_url; http_leniency may help.",
    "upstream_timeout": "{provider} was silent for too long: see [server] connect_timeout and idle_timeout.",
    "internal_error": "A defect of Tollway: its log names this exchange. Please report it.",
}
_ACCOUNT: Final = (
    "{provider} refuses our account there: check api_keys of [providers.{provider}], its credit and rights."
)
_THEIRS: Final = {
    401: _ACCOUNT,
    402: _ACCOUNT,
    403: _ACCOUNT,
    429: "{provider} has limits of its own, and they were reached: go slower, spread the load over more targets of "
    "a route, or hold callers back before they run into those ([[limits]]).",
}
_BY_OUTCOME: Final = {
    "client_error": "{provider} found the request wrong: the answer says why (tollway logs show ID).",
    "rate_limited": _THEIRS[429],
    "upstream_error": "{provider} failed: see its own status page, and the attempts below.",
    "timeout": "{provider} was silent for too long: see [server] idle_timeout.",
    "overloaded": "{provider} has too much to do: try again later, or add other targets to a route.",
    "gateway_error": "The worker that served it died: the log of the supervisor says of what.",
    "cancelled": "The client left before the end; what was used until then is paid all the same.",
}  # fmt: skip
_WHO: Final = {"gateway_error": "tollway", "cancelled": "client"}


def trouble(record: Record) -> Trouble | None:
    """Say what was in the way; None: nothing."""
    if record.outcome in (None, "ok"):
        return None
    kind, colon, said = (record.error or "").partition(": ")
    if colon and kind in REFUSALS and REFUSALS[kind].outcome == record.outcome:
        return _refused(record, kind, said)
    outcome = record.outcome or ""
    told = _THEIRS.get(record.status or 0) if record.attempts else None
    advice = (told or _BY_OUTCOME.get(outcome, "")).format(provider=record.provider or "the provider")
    return Trouble(_WHO.get(outcome, "provider"), outcome, record.error or "", None, None, "", advice)


def _refused(record: Record, kind: str, said: str) -> Trouble:
    budget = _BUDGET[kind].match(said) if kind in _BUDGET else None
    limit = _LIMIT.match(said) if kind == "rate_limited" else None
    found = Trouble(
        by="provider" if kind.startswith("upstream_") else "tollway",
        kind=kind,
        said=said,
        budget=budget[1] if budget else None,
        limit=limit[1] if limit else None,
        part=(limit[2] or "") if limit else "",
        advice="",
    )
    provider = record.provider or "the provider"
    return found._replace(
        advice=_OURS[kind].format(id=found.budget, file=found.file or "config.toml", provider=provider)
    )


def public_trouble(one: Trouble | None) -> dict[str, Any] | None:
    """Shape it for programs."""
    if one is None:
        return None
    return {
        "by": one.by,
        "kind": one.kind,
        "said": one.said,
        "budget": one.budget,
        "limit": one.limit,
        "part": one.part.removeprefix("?") or None,
        "owner": one.owner,
        "file": one.file,
        "advice": one.advice,
    }
