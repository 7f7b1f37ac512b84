"""The log of the gateway itself: in failures it says what happened, and never a key or what somebody said."""

import json
import os
import re
import signal
import socket
from pathlib import Path

from tests.gateway import KEY, PROVIDER_KEY, provider_tables, standing_before, write_config
from tests.provider import Answer, answer, providing, until

PROMPT = "Xyzzy-Plugh-the-prompt"
PASTED = "sk-live-abcdefghijklmnop"  # a key where only "env:NAME" may stand
BAD_KEY = "tw-nobodys-key-abcdefgh"
ECHO = json.dumps({"error": {"message": f"Incorrect API key: {PROVIDER_KEY}. You said: {PROMPT}"}}).encode()


def test_failures_show_neither_keys_nor_prompts(tmp_path: Path) -> None:
    """A provider that refuses and repeats it all, garbage, nobody there, a bad key, a bad body, a bad config, a crash.

    After a reload to JSON every line is an object with the same names.
    """
    with socket.socket() as nobody, providing() as provider:
        nobody.bind(("127.0.0.1", 0))
        with standing_before(provider, tmp_path) as gateway:
            body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": PROMPT}]}

            def fail_in_every_way() -> None:
                garbage = PROMPT.encode() * 9
                provider.play(answer(ECHO, status=401), Answer(raw=garbage), answer(b"\xff" + garbage))
                for _ in range(3):
                    gateway.post("/v1/chat/completions", body)
                gateway.post("/v1/chat/completions", body, key=BAD_KEY)
                gateway.post("/v1/chat/completions", b"{" + PROMPT.encode())
                gateway.post(f"/v1/messages?key={BAD_KEY}", {"model": PROMPT})

            fail_in_every_way()
            tables = provider_tables({"openai": f"http://127.0.0.1:{nobody.getsockname()[1]}"})
            write_config(tmp_path, tables.replace("file:openai.key", PASTED))
            until(lambda: "config refused" in gateway.said(), "the config is refused")
            write_config(tmp_path, tables, server='log_format = "json"')
            until(lambda: "config reloaded" in gateway.said(), "the config is taken")
            until(lambda: gateway.post("/v1/chat/completions", body).status == 502, "nobody answers there")
            before = len(gateway.said().splitlines())
            fail_in_every_way()
            worker = re.search(r'child="worker 0" pid=(\d+)', gateway.said())
            assert worker is not None
            os.kill(int(worker[1]), signal.SIGKILL)
            until(lambda: gateway.said().count('"message":"a child is ready"') == 1, "there is another worker")
            gateway.stop()
        lines = gateway.said().splitlines()

    said = "\n".join(lines)
    for canary in (PROMPT, PROVIDER_KEY, PASTED, BAD_KEY, KEY):
        assert canary not in said
    found = [json.loads(line) for line in lines[before:]]
    assert {"ts", "level", "role", "logger", "message"} <= set.intersection(*(set(line) for line in found))
    assert "a child died and is replaced; what it was serving ended with it" in [line["message"] for line in found]
    assert {"supervisor", "worker 0"} >= {line["role"] for line in found}
