"""What programs send about who calls, as they write it, and what of it must stand in the record."""

from typing import Any, NamedTuple

import msgspec

UUID = "0f9c7c1e-5b7a-4c3d-9e2f-1a2b3c4d5e6f"
OTHER_UUID = "7d1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b"
ACCOUNT = "11111111-2222-3333-4444-555555555555"
DEVICE = "a1" * 32

Headers = dict[str, str]
Body = dict[str, Any]


class Client(NamedTuple):
    """`said`: the fields of the record that are not empty, but for `client`."""

    name: str
    endpoint: str
    headers: Headers
    body: Body
    said: dict[str, Any]


_CLAUDE_CODE = {
    "user-agent": "claude-cli/2.1.139 (external, cli)",
    "x-app": "cli",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14",
}
_CODEX = {
    "user-agent": "codex_cli_rs/0.63.0 (Mac OS 15.1; arm64) iTerm.app/3.6.6",
    "originator": "codex_cli_rs",
    "version": "0.63.0",
}

CLIENTS = (
    Client(
        "Claude Code before 2.1.78, all in one text",
        "messages",
        {"user-agent": "claude-cli/1.0.98 (external, cli)", "x-app": "cli"},
        {"metadata": {"user_id": f"user_{DEVICE}_account_{ACCOUNT}_session_{UUID}"}},
        {"session": UUID, "session_source": "metadata.user_id", "user": ACCOUNT, "user_source": "metadata.user_id"},
    ),
    Client(
        "Claude Code from 2.1.78 on, an object in a text",
        "messages",
        _CLAUDE_CODE,
        {
            "metadata": {
                "user_id": msgspec.json.encode({"device_id": DEVICE, "account_uuid": "", "session_id": UUID}).decode()
            }
        },
        {"session": UUID, "session_source": "metadata.user_id", "user": DEVICE, "user_source": "metadata.user_id"},
    ),
    Client(
        "Claude Code from 2.1.139 on, a subagent",
        "messages",
        _CLAUDE_CODE
        | {
            "x-claude-code-session-id": UUID,
            "x-claude-code-agent-id": "a7f3c21",
            "x-claude-code-parent-agent-id": "main-1",
        },
        {"metadata": {"user_id": msgspec.json.encode({"account_uuid": ACCOUNT, "session_id": OTHER_UUID}).decode()}},
        {
            "session": UUID,
            "session_source": "x-claude-code-session-id",
            "user": ACCOUNT,
            "user_source": "metadata.user_id",
            "agent": "a7f3c21",
            "agent_source": "x-claude-code-agent-id",
            "parent_agent": "main-1",
        },
    ),
    Client(
        "Claude Code with a user in a form that nobody knows yet",
        "messages",
        _CLAUDE_CODE,
        {"metadata": {"user_id": "v3:ann:0815"}},
        {"user": "v3:ann:0815", "user_source": "metadata.user_id"},
    ),
    Client(
        "Codex, a subagent",
        "responses",
        _CODEX
        | {
            "session-id": UUID,
            "thread-id": OTHER_UUID,
            "x-openai-subagent": "review",
            "x-codex-parent-thread-id": UUID,
        },
        {"prompt_cache_key": OTHER_UUID},
        {
            "session": UUID,
            "session_source": "session-id",
            "agent": "review",
            "agent_source": "x-openai-subagent",
            "parent_agent": UUID,
        },
    ),
    Client(
        "Codex before it had headers for that",
        "responses",
        _CODEX,
        {"prompt_cache_key": UUID, "metadata": None},
        {
            "session": UUID,
            "session_source": "prompt_cache_key",
            "agent": "codex_cli_rs",
            "agent_source": "originator",
        },
    ),
    Client(
        "Codex with its session in the body",
        "responses",
        _CODEX,
        {"client_metadata": {"session_id": UUID, "thread_id": OTHER_UUID}, "prompt_cache_key": OTHER_UUID},
        {
            "session": UUID,
            "session_source": "client_metadata.session_id",
            "agent": "codex_cli_rs",
            "agent_source": "originator",
        },
    ),
    Client(
        "Codex without any session",
        "responses",
        _CODEX,
        {"prompt_cache_key": "warm"},
        {"agent": "codex_cli_rs", "agent_source": "originator"},
    ),
    Client(
        "plain headers",
        "chat",
        {
            "user-agent": "OpenAI/Python 3.54.0",
            "x-tollway-session": "run-7",
            "x-tollway-user": "ann",
            "x-tollway-agent": "coder",
            "x-tollway-parent-agent": "planner",
            "x-tollway-tags": "nightly, eu",
        },
        {"user": "bob"},
        {
            "session": "run-7",
            "session_source": "x-tollway-session",
            "user": "ann",
            "user_source": "x-tollway-user",
            "agent": "coder",
            "agent_source": "x-tollway-agent",
            "parent_agent": "planner",
            "tags": ["nightly", "eu"],
        },
    ),
    Client(
        "LiteLLM's headers",
        "chat",
        {
            "x-litellm-session-id": "s-1",
            "x-litellm-trace-id": "t-1",
            "x-litellm-customer-id": "acme",
            "x-litellm-tags": "batch,eu",
            "x-litellm-spend-logs-metadata": '{"project":"atlas","attempt":2,"dry":false,"more":{"a":1},"none":null}',
        },
        {"user": "bob"},
        {
            "session": "s-1",
            "session_source": "x-litellm-session-id",
            "user": "acme",
            "user_source": "x-litellm-customer-id",
            "tags": ["batch", "eu"],
            "metadata": {"project": "atlas", "attempt": "2", "dry": "false"},
        },
    ),
    Client(
        "LiteLLM's body",
        "chat",
        {},
        {"litellm_session_id": "s-1", "user": "bob", "metadata": {"tags": ["batch"], "team": "x"}},
        {
            "session": "s-1",
            "session_source": "litellm_session_id",
            "user": "bob",
            "user_source": "user",
            "tags": ["batch"],
            "metadata": {"team": "x"},
        },
    ),
    Client(
        "Helicone",
        "chat",
        {
            "helicone-session-id": "s-2",
            "helicone-session-path": "/plan/search",
            "helicone-session-name": "Trip",
            "helicone-user-id": "ann@example.com",
            "helicone-property-environment": "production",
            "helicone-property-app": "atlas",
        },
        {},
        {
            "session": "s-2",
            "session_source": "helicone-session-id",
            "user": "ann@example.com",
            "user_source": "helicone-user-id",
            "metadata": {
                "session_path": "/plan/search",
                "session_name": "Trip",
                "environment": "production",
                "app": "atlas",
            },
        },
    ),
    Client(
        "Portkey",
        "chat",
        {
            "x-portkey-trace-id": "t-3",
            "x-portkey-span-id": "sp-1",
            "x-portkey-metadata": '{"_user":"ann","environment":"staging"}',
        },
        {},
        {
            "session": "t-3",
            "session_source": "x-portkey-trace-id",
            "user": "ann",
            "user_source": "x-portkey-metadata",
            "metadata": {"span_id": "sp-1", "environment": "staging"},
        },
    ),
    Client(
        "Open WebUI",
        "chat",
        {
            "x-openwebui-user-name": "Ann",
            "x-openwebui-user-id": UUID,
            "x-openwebui-user-email": "ann@example.com",
            "x-openwebui-user-role": "user",
            "x-openwebui-chat-id": OTHER_UUID,
        },
        {},
        {
            "session": OTHER_UUID,
            "session_source": "x-openwebui-chat-id",
            "user": UUID,
            "user_source": "x-openwebui-user-id",
        },
    ),
    Client(
        "opencode",
        "chat",
        {"user-agent": "opencode/1.0.85", "x-session-id": "ses_4f1c"},
        {},
        {"session": "ses_4f1c", "session_source": "x-session-id"},
    ),
    Client(
        "opencode before its own provider",
        "chat",
        {"user-agent": "opencode/1.0.85", "x-opencode-session": "ses_4f1c", "x-opencode-request": "msg_1"},
        {},
        {"session": "ses_4f1c", "session_source": "x-opencode-session"},
    ),
    Client(
        "some vendor's agent",
        "chat",
        {"x-acme-session-id": "s-5"},
        {},
        {"session": "s-5", "session_source": "x-acme-session-id"},
    ),
    Client(
        "W3C baggage",
        "chat",
        {"baggage": "session.id=s-6,user.id=ann"},
        {},
        {"session": "s-6", "session_source": "baggage", "user": "ann", "user_source": "baggage"},
    ),
    Client(
        "OpenAI's own fields",
        "responses",
        {"user-agent": "OpenAI/Python 3.54.0"},
        {
            "safety_identifier": "h-1",
            "prompt_cache_key": UUID,
            "conversation": {"id": "conv_1"},
            "metadata": {"order": "17", "user_id": "u"},
        },
        {
            "session": "conv_1",
            "session_source": "conversation",
            "user": "h-1",
            "user_source": "safety_identifier",
            "metadata": {"order": "17"},
        },
    ),
)
