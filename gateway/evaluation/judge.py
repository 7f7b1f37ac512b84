"""Asking a model for a verdict, through the gateway itself: retries, repair, cache, and what a bad answer becomes."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from gateway.evaluation.canonical import canonical
from gateway.evaluation.judge_cache import JudgeCache
from gateway.evaluation.judge_form import BadForm, form_of
from gateway.evaluation.judge_speech import SPEECHES, Prompt, prompt_of, said_by, verdict_in
from gateway.evaluation.protocol import Answered, Asking
from gateway.wire.scan import UNREADABLE

ATTEMPTS: Final = 4
CALL_S: Final = 120.0
ASK_S: Final = 500.0  # all calls for one verdict: llm_judge and pairwise may wait for 510 s
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
MOST_BYTES: Final = 8 << 20  # of an answer
_AGAIN: Final = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
# What our own gateway says no with, and what that makes of the evaluation.
_REFUSALS: Final = {
    "budget_exceeded": ("skip", "budget"),
    "bound_exceeded": ("error", "judge_unbounded"),
    "unbounded_request": ("error", "judge_unbounded"),
    "price_unknown": ("error", "judge_without_price"),
    "invalid_key": ("retry", "judge_key"),  # a reload is on its way to the workers
    "model_not_allowed": ("retry", "judge_key"),
}

log = logging.getLogger("tollway.evaluator")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where the judge of one evaluator sits: the key that calls it, its model, and the dialect of who serves that."""

    key: str
    model: str
    dialect: str


# Who judges, the provider that answered (where the gateway said so), the answer -> nano-USD, as a worker books it.
Price = Callable[[Bench, str | None, bytes], int]


class _Failed(Exception):
    """No verdict. `failure`: skip | retry | error, as in Answered."""

    def __init__(self, failure: str, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Reply:
    body: bytes
    exchange: str | None
    provider: str | None


@dataclass(slots=True)
class _Flight:
    """A verdict that is being asked for. `is_heard`: somebody was told of it, and of what it cost."""

    task: asyncio.Task[Answered]
    is_heard: bool = False


class JudgeDesk:
    """Answers `Asking`s. `benches`: by evaluator, to be replaced at a reload. One for the whole evaluator process."""

    def __init__(self, cache: JudgeCache, price: Price, sleep: Callable[[float], Any] = asyncio.sleep) -> None:
        self._cache = cache
        self._price = price
        self._sleep = sleep
        self._url = ""
        self._trusted = b""  # the certificate itself: it is renewed under the same name
        self._benches: Mapping[str, Bench] = {}
        self._session: aiohttp.ClientSession | None = None
        self._flights: dict[bytes, _Flight] = {}  # what is being asked, by its key in the cache
        self._unstructured: set[str] = set()  # models whose provider cannot be told a form

    async def use(self, url: str, benches: Mapping[str, Bench], ca_file: str | None = None) -> None:
        """Take a new config. `url`: the data port's."""
        self._benches = dict(benches)
        trusted = await asyncio.to_thread(_bytes_of, ca_file)
        if self._session is not None and url == self._url and trusted in (self._trusted, b""):
            return
        verify = _context(ca_file) if ca_file else True
        await self.close()
        self._url = url
        self._trusted = trusted
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=verify, limit=0), timeout=aiohttp.ClientTimeout(total=CALL_S)
        )

    async def ask(self, asking: Asking, team: str) -> Answered:
        """Get a verdict for an exchange of `team`; what fails is told in the answer, never raised."""
        bench = self._benches.get(asking.evaluator)
        if bench is None:
            return _answer(asking, failure="error", reason="no_judge")
        key = _cache_key(asking, bench, team)
        if (known := self._cache.get(key)) is not None:
            return _once_more(known, asking)
        flight = self._flights.get(key) or self._begun(key, asking, bench)
        # Who cannot wait any longer leaves it under way: whoever asks again finds it, or its verdict.
        await asyncio.wait([flight.task], timeout=asking.within_s if 0 <= asking.within_s <= ASK_S else ASK_S)
        if not flight.task.done() or flight.task.cancelled():
            return _answer(asking, bench, failure="retry", reason="judge_timeout")
        if flight.is_heard:
            return _once_more(flight.task.result(), asking)
        flight.is_heard = True
        return msgspec.structs.replace(flight.task.result(), number=asking.number, call=asking.call)

    async def close(self) -> None:
        """Let go of the connections, and of who still asks by them."""
        for flight in self._flights.values():
            flight.task.cancel()
        await asyncio.gather(*(flight.task for flight in self._flights.values()), return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _begun(self, key: bytes, asking: Asking, bench: Bench) -> "_Flight":
        flight = _Flight(asyncio.create_task(self._asked(key, asking, bench), name="a judge's verdict"))
        self._flights[key] = flight
        flight.task.add_done_callback(lambda _: self._flights.pop(key, None))
        return flight

    async def _asked(self, key: bytes, asking: Asking, bench: Bench) -> Answered:
        """Ask, keep what is said, and tell what fails."""
        bill = _Bill()
        try:
            async with asyncio.timeout(ASK_S):
                form = form_of(asking.schema)
                is_told = bench.model not in self._unstructured
                prompt = replace(prompt_of(asking, bench.model, form), structured=is_told)
                verdict = await self._verdict(bench, prompt, bill)
        except _Failed as failed:
            return _answer(asking, bench, bill, failure=failed.failure, reason=failed.reason)
        except TimeoutError:
            return _answer(asking, bench, bill, failure="retry", reason="judge_timeout")
        except BadForm as error:
            log.error("a judge's form cannot be used", extra={"evaluator": asking.evaluator, "error": error})
            return _answer(asking, bench, bill, failure="error", reason="judge_form")
        except Exception:  # else the plugin would wait for ever, and be charged for it
            log.exception("a judge could not be asked", extra={"evaluator": asking.evaluator})
            return _answer(asking, bench, bill, failure="error", reason="judge_failed")
        answered = _answer(asking, bench, bill, verdict=msgspec.json.encode(verdict))
        self._cache.put(key, answered)
        return answered

    async def _verdict(self, bench: Bench, prompt: Prompt, bill: "_Bill") -> Any:
        """Ask; once more with more room where the answer was cut, once more where it does not fit the schema."""
        said = await self._said(bench, prompt, bill)
        if said.finish == "length":
            prompt = replace(prompt, max_tokens=2 * prompt.max_tokens)
            said = await self._said(bench, prompt, bill)
            if said.finish == "length":
                raise _Failed("error", "judge_truncated")
        verdict, problem = _checked(said, prompt.schema)
        if problem is None:
            return verdict
        repair = f"That cannot be used: {problem}. Answer again, with nothing but a JSON object that fits the schema."
        earlier = said.text or (said.tool_calls[0].arguments if said.tool_calls else "(nothing)")
        turns = (*prompt.turns, ("assistant", earlier), ("user", repair))
        verdict, problem = _checked(await self._said(bench, replace(prompt, turns=turns), bill), prompt.schema)
        if problem is not None:
            raise _Failed("error", "judge_format")
        return verdict

    async def _said(self, bench: Bench, prompt: Prompt, bill: "_Bill") -> Any:
        reply = await self._reply(bench, prompt)
        bill.add(reply.exchange, self._price(bench, reply.provider, reply.body))
        said = said_by(bench.dialect, reply.body)
        if said.finish in ("refusal", "content_filter") or said.answer.refusal:
            raise _Failed("skip", "judge_refused")
        return said

    async def _reply(self, bench: Bench, prompt: Prompt) -> _Reply:
        """Post, and again after a while where that may help; only the last failure counts."""
        wait_s = FIRST_WAIT_S
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._post(bench, prompt)
            except _CannotStructure:
                self._unstructured.add(prompt.model)
                prompt = replace(prompt, structured=False)
            except _Busy as busy:
                if attempt == ATTEMPTS:
                    raise _Failed("retry", busy.reason) from None
                told_s = busy.after_s
                delay_s = random.uniform(0, wait_s) if told_s is None else told_s  # noqa: S311 - spreads retries
                await self._sleep(min(delay_s, LONGEST_WAIT_S))
                wait_s *= 2
        raise _Failed("retry", "judge_busy")

    async def _post(self, bench: Bench, prompt: Prompt) -> _Reply:
        speech = SPEECHES[bench.dialect]
        if self._session is None:
            raise _Busy("judge_unreachable")
        try:
            async with self._session.post(
                self._url + speech.path(prompt.model),
                data=msgspec.json.encode(speech.body(prompt)),
                headers={"content-type": "application/json", **speech.headers(bench.key)},
            ) as response:
                body = await _whole(response)
                headers, status = response.headers, response.status
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _Busy("judge_timeout" if isinstance(error, TimeoutError) else "judge_unreachable") from None
        if status == 200:
            return _Reply(body, headers.get("x-tollway-request-id"), headers.get("x-tollway-provider"))
        refused = headers.get("x-tollway-error", "")
        if refused in _REFUSALS:
            raise _Failed(*_REFUSALS[refused])
        if status in _AGAIN:
            raise _Busy(f"judge_http_{status}", _retry_after_s(headers.get("retry-after")))
        if status in (400, 422) and prompt.structured and not refused:
            raise _CannotStructure
        raise _Failed("error", f"judge_http_{status}")


async def _whole(response: aiohttp.ClientResponse) -> bytes:
    """Read an answer, however many pieces it comes in."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MOST_BYTES:
            raise _Failed("error", "judge_too_long")
    return bytes(body)


class _Busy(Exception):
    """Another try may help. `after_s`: when, if we were told."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after_s = after_s


class _CannotStructure(Exception):
    """The provider will not be told a form: say it to the model instead."""


class _Bill:
    """What the calls for one verdict cost, good ones and bad ones."""

    def __init__(self) -> None:
        self.nano_usd = 0
        self.exchange: str | None = None

    def add(self, exchange: str | None, nano_usd: int) -> None:
        self.nano_usd += nano_usd
        self.exchange = exchange or self.exchange


def _answer(asking: Asking, bench: Bench | None = None, bill: _Bill | None = None, **said: Any) -> Answered:
    return Answered(
        number=asking.number,
        call=asking.call,
        model=bench.model if bench else "",
        exchange=bill.exchange if bill else None,
        cost_nano_usd=bill.nano_usd if bill else 0,
        **said,
    )


def _once_more(known: Answered, asking: Asking) -> Answered:
    """Tell what was asked and paid for already."""
    return msgspec.structs.replace(known, number=asking.number, call=asking.call, cached=True, cost_nano_usd=0)


def _checked(said: Any, schema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """Return a verdict, or why it is none."""
    try:
        verdict = verdict_in(said)
        Draft202012Validator(schema).validate(verdict)
    except ValidationError as error:
        where = "/".join(str(step) for step in error.absolute_path)
        return None, f"{where or 'the object'} breaks `{error.validator}`"
    except (*UNREADABLE, ValueError) as error:
        return None, str(error) or "it is no JSON"
    return verdict, None


def _cache_key(asking: Asking, bench: Bench, team: str) -> bytes:
    """Name a question. Teams do not share: an answer that comes at once tells that somebody asked the same."""
    question = {
        "team": team,
        "evaluator": asking.evaluator,
        "model": bench.model,
        "system": asking.system,
        "user": asking.user,
        "schema": asking.schema.decode("utf-8", "replace"),
        "max_tokens": asking.max_tokens,
        "temperature": asking.temperature,
        "nth": asking.nth,  # asked twice on purpose: to see how far the judge agrees with itself
    }
    return sha256(canonical(question)).digest()


def _retry_after_s(text: str | None) -> float | None:
    """Read Retry-After: seconds, or a date (then the usual wait is taken)."""
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        parsedate_to_datetime(text)
    except ValueError:
        return None
    return FIRST_WAIT_S


def _bytes_of(file: str | None) -> bytes:
    """Read a file; nothing where there is none, or none for the moment."""
    try:
        return Path(file).read_bytes() if file else b""
    except OSError:
        return b""


def _context(ca_file: str) -> ssl.SSLContext:
    """Trust the gateway's own certificate, which may name any host: we call it by its address."""
    context = ssl.create_default_context(cafile=ca_file)
    context.check_hostname = False
    return context
