"""Which program reads this refusal, and does it take some of them for something else?"""

from gateway.core.errors import Refusal

# Programs by how their user agent begins.
_CLIENTS = {"codex": "codex"}
# Codex sends again five times what it is refused with 403 or 404; a 400 is final.
_STATUS = {
    "codex": {
        "model_not_allowed": 400,
        "model_not_found": 400,
        "path_not_allowed": 400,
        "price_unknown": 400,
        "bound_exceeded": 400,
    }
}


def client_of(user_agent: str | None) -> str | None:
    """Name the program, where it is one that wants words of its own."""
    agent = (user_agent or "").lower()
    return next((name for begin, name in _CLIENTS.items() if agent.startswith(begin)), None)


def addressed(refusal: Refusal, user_agent: str | None) -> Refusal:
    """Say it so that the program which asked understands it."""
    refusal.client = client_of(user_agent)
    status = _STATUS.get(refusal.client or "", {}).get(refusal.kind)
    if status is not None:
        refusal.advice = refusal.advice._replace(status=status)
    return refusal
