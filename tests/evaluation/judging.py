"""A judge for tests: a scripted provider behind a real gateway, and a desk that asks through it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.evaluation.judge import Bench, JudgeDesk, Price
from gateway.evaluation.judge_cache import JudgeCache
from gateway.evaluation.protocol import Asking
from tests.gateway import KEY, Gateway
from tests.provider import Answer, answer

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}
YES = '{"verdict":"yes"}'
USED = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


def said(text: str | None, finish: str = "stop", **message: Any) -> Answer:
    """Answer a chat."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    whole = {"id": "c", "object": "chat.completion", "model": "judge-1", "choices": [choice], "usage": USED}
    return answer(json.dumps(whole).encode())


def asking(user: str = "Is it good?", call: int = 1, evaluator: str = "helpful") -> Asking:
    """Ask as a plugin does."""
    return Asking(
        number=1,
        evaluator=evaluator,
        call=call,
        system="You judge.",
        user=user,
        schema=json.dumps(SCHEMA).encode(),
        max_tokens=64,
        temperature=0.0,
    )


@asynccontextmanager
async def desk(
    folder: Path, run: Gateway, price: Price = lambda *_: 0, *, dialect: str = "openai", key: str = KEY
) -> AsyncIterator[JudgeDesk]:
    """Open a desk that asks through `run`; retries do not wait."""

    async def at_once(_: float) -> None: ...

    cache = JudgeCache(folder / "judge.db", time.time)
    one = JudgeDesk(cache, price, at_once)
    await one.use(run.url, {"helpful": Bench(key, "judge-1", dialect)})
    try:
        yield one
    finally:
        await one.close()
        cache.close()
