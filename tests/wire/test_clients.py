"""Programs that take some refusals for something else are told in their own way."""

import pytest

from gateway.core.errors import Refusal
from gateway.wire.clients import addressed, client_of


@pytest.mark.parametrize(
    ("user_agent", "client"),
    [
        ("codex_cli_rs/0.50.0 (Debian 12; x86_64)", "codex"),
        ("Codex/1.0", "codex"),
        ("OpenAI/Python 3.0", None),
        ("not-codex", None),
        (None, None),
    ],
)
def test_programs_are_known_by_their_user_agent(user_agent: str | None, client: str | None) -> None:
    """Only by how it begins: anybody may name another one further on."""
    assert client == client_of(user_agent)


@pytest.mark.parametrize(
    ("kind", "codex", "others"),
    [("model_not_allowed", 400, 403), ("model_not_found", 400, 404), ("budget_exceeded", 429, 429)],
)
def test_codex_does_not_send_again_what_will_never_do(kind: str, codex: int, others: int) -> None:
    """It would repeat a 403 or a 404 five times."""
    assert codex == addressed(Refusal(kind, "No."), "codex_exec/1").status
    assert others == addressed(Refusal(kind, "No."), "OpenAI/Python 3.0").status
