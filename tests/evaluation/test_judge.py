"""Asking a judge through a real gateway: good verdicts, bad ones, busy providers, the cache, and a strict budget."""

import asyncio
import json
import shutil
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bench.provider import Certificate, make_certificate
from gateway.evaluation.api import Evaluator
from gateway.evaluation.host import JUDGE_SHARE
from gateway.evaluation.judge import ASK_S, ATTEMPTS, CALL_S, Bench
from gateway.evaluation.running import SOFT_SHARE
from gateway_plugins.llm_judge import LlmJudge
from gateway_plugins.pairwise import Pairwise
from tests.evaluation.judging import USED, YES, asking, desk, said
from tests.gateway import KEY, Gateway, standing_before, team_file
from tests.provider import Answer, Provider, answer, providing

NANO = 10**9
# A dollar for a thousand tokens.
PRICES = '{ "*" = { input = "1000", output = "1000" } }'


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Run one provider."""
    with providing() as one:
        yield one


@pytest.fixture(scope="module")
def run(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run one gateway before it."""
    with standing_before(provider, tmp_path_factory.mktemp("judge"), prices=PRICES) as one:
        yield one


@pytest.fixture(autouse=True)
def _fresh(provider: Provider) -> None:
    provider.forget()


async def test_verdict_is_one_call_in_the_log(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """A good verdict takes exactly one call, which stands in the log under the id that the answer names."""
    provider.play(said(YES))
    async with desk(tmp_path, run, lambda *_: 7) as one:
        told = await one.ask(asking(), "search")

    assert ({"verdict": "yes"}, 7, None) == (json.loads(told.verdict), told.cost_nano_usd, told.failure)
    assert 1 == len(provider.asked)
    assert "judge-1" == (await asyncio.to_thread(run.row, str(told.exchange)))["model_requested"]


async def test_form_is_told_to_the_provider(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """The provider is told the schema, so that most models cannot answer anything else."""
    provider.play(said(YES))
    async with desk(tmp_path, run) as one:
        await one.ask(asking("told the form"), "search")

    form = json.loads(provider.asked[0].body)["response_format"]
    assert ("json_schema", ["verdict"]) == (form["type"], form["json_schema"]["schema"]["required"])


async def test_same_question_is_not_paid_twice(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """Asked again for the same team, nobody is called and nothing is paid; another team asks for itself."""
    provider.play(said(YES), said(YES))
    async with desk(tmp_path, run, lambda *_: 7) as one:
        first = await one.ask(asking("twice"), "search")
        second = await one.ask(asking("twice"), "search")
        third = await one.ask(asking("twice"), "other")

    assert [(False, 7), (True, 0), (False, 7)] == [(each.cached, each.cost_nano_usd) for each in (first, second, third)]
    assert 2 == len(provider.asked)


BAD_TWICE = [
    pytest.param("I think it is fine.", id="prose"),
    pytest.param('{"verdict":"maybe"}', id="not in the enum"),
    pytest.param('{"verdict":"yes","also":1}', id="a member too many"),
    pytest.param('{"verdict":', id="cut"),
    pytest.param("", id="nothing"),
    pytest.param('["yes"]', id="a list"),
]


@pytest.mark.parametrize("text", BAD_TWICE)
async def test_unusable_verdict_is_an_error(text: str, provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """What does not fit the schema is asked for once more, and then an error: never a score."""
    provider.play(said(text), said(text))
    async with desk(tmp_path, run, lambda *_: 7) as one:
        told = await one.ask(asking(f"bad {text}"), "search")

    assert ("error", "judge_format", b"", 14) == (told.failure, told.reason, told.verdict, told.cost_nano_usd)
    assert 2 == len(provider.asked)


async def test_repair_says_what_was_wrong(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """The second try shows the judge its own words and what is wrong with them, and may succeed."""
    provider.play(said('{"verdict":"maybe"}'), said(f"```json\n{YES}\n```"))
    async with desk(tmp_path, run) as one:
        told = await one.ask(asking("repair"), "search")

    turns = json.loads(provider.asked[1].body)["messages"]
    assert None is told.failure
    assert ["system", "user", "assistant", "user"] == [turn["role"] for turn in turns]
    assert "breaks `enum`" in turns[3]["content"]


async def test_cut_answer_gets_more_room_once(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """An answer that ends at max_tokens is asked for with twice the room; cut again, it is an error."""
    provider.play(said('{"ver', "length"), said(YES), said('{"ver', "length"), said('{"ver', "length"))
    async with desk(tmp_path, run) as one:
        good = await one.ask(asking("cut once"), "search")
        bad = await one.ask(asking("cut twice"), "search")

    assert [64, 128, 64, 128] == [json.loads(each.body)["max_tokens"] for each in provider.asked]
    assert (None, "judge_truncated") == (good.failure, bad.reason)


@pytest.mark.parametrize("reply", [said(None, refusal="No."), said("", "content_filter")], ids=["refusal", "filter"])
async def test_refusing_judge_is_a_skip(reply: Answer, provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """A judge that will not judge says nothing of the answer: skipped, with the reason, and paid."""
    provider.play(reply)
    async with desk(tmp_path, run, lambda *_: 7) as one:
        told = await one.ask(asking("refuse"), "search")

    assert ("skip", "judge_refused", 7) == (told.failure, told.reason, told.cost_nano_usd)


async def test_busy_provider_is_asked_again(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """Busy and broken providers are asked again, a few times; then the task may come again later."""
    busy = answer(b'{"error":{"message":"slow down"}}', status=429, headers=(("Retry-After", "1"),))
    broken = answer(b"{}", status=500)
    provider.play(busy, broken, said(YES), *[broken] * ATTEMPTS)
    async with desk(tmp_path, run) as one:
        good = await one.ask(asking("busy"), "search")
        bad = await one.ask(asking("broken"), "search")

    assert (None, "retry", "judge_http_500") == (good.failure, bad.failure, bad.reason)
    assert 3 + ATTEMPTS == len(provider.asked)


async def test_provider_without_forms_is_told_in_words(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """A provider that refuses response_format is asked without it, from then on; the model reads the schema instead."""
    no = answer(b'{"error":{"message":"response_format is not supported"}}', status=400)
    provider.play(no, said(YES), said(YES))
    async with desk(tmp_path, run) as one:
        await one.ask(asking("no forms"), "search")
        await one.ask(asking("no forms, later"), "search")

    bodies = [json.loads(each.body) for each in provider.asked]
    assert [True, False, False] == ["response_format" in body for body in bodies]
    assert '"enum":["yes","no"]' in bodies[1]["messages"][0]["content"]


ANTHROPIC = {
    "id": "m", "type": "message", "role": "assistant", "model": "judge-1", "stop_reason": "tool_use",
    "content": [{"type": "tool_use", "id": "t", "name": "verdict", "input": {"verdict": "yes"}}],
    "usage": {"input_tokens": 100, "output_tokens": 10},
}  # fmt: skip
GEMINI = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": YES}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110},
    "modelVersion": "judge-1",
}


@pytest.mark.parametrize(("dialect", "whole"), [("anthropic", ANTHROPIC), ("gemini", GEMINI)])
async def test_every_dialect_can_judge(
    dialect: str, whole: Any, provider: Provider, run: Gateway, tmp_path: Path
) -> None:
    """A judge is asked in the dialect of whoever serves it."""
    provider.play(answer(json.dumps(whole).encode()))
    async with desk(tmp_path, run, dialect=dialect) as one:
        told = await one.ask(asking(dialect), "search")

    assert {"verdict": "yes"} == json.loads(told.verdict)
    assert dialect == (await asyncio.to_thread(run.row, str(told.exchange)))["dialect"]


async def test_strict_budget_holds_to_the_nano_dollar(provider: Provider, tmp_path: Path) -> None:
    """Fifty at once never spend more than the judge's budget; who finds it used up is skipped, not an error."""
    limit = 2 * NANO
    budget = '[[budgets]]\nwindow = "day"\nmode = "strict"\nlimit_usd = "2"\n'
    more = "[models.judge-1]\ncontext_window = 1000\nmax_output_tokens = 100\n"
    provider.otherwise = lambda _: said(YES)
    teams = {"search": team_file(more=budget)}
    with standing_before(provider, tmp_path, more=more, teams=teams, prices=PRICES) as run:
        async with desk(tmp_path, run) as one:
            told = await asyncio.gather(*(one.ask(asking(f"number {at}"), "search") for at in range(50)))
        rows = await asyncio.to_thread(run.wait_rows, 50)

    good = [each for each in told if each.failure is None]
    spent = sum(row["cost_nano_usd"] for row in rows)
    assert {("skip", "budget")} == {(each.failure, each.reason) for each in told if each.failure is not None}
    assert 0 < spent <= limit
    assert len(good) * sum((USED["prompt_tokens"], USED["completion_tokens"])) * NANO // 1000 == spent


async def test_long_answer_is_read_to_its_end(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """An answer that comes in several pieces is one verdict, and what it cost is known."""
    long = json.dumps({"verdict": "yes", "reasoning": "because " * 60_000})
    provider.play(said(long))
    whole: list[int] = []

    def price(_bench: Bench, _provider: str | None, body: bytes) -> int:
        whole.append(len(body))
        return 7

    async with desk(tmp_path, run, price) as one:
        question = asking("long")
        question.schema = b'{"type":"object","required":["verdict"]}'
        told = await one.ask(question, "search")

    assert (None, 7, 1) == (told.failure, told.cost_nano_usd, len(provider.asked))
    assert whole[0] > len(long)


@pytest.mark.parametrize("schema", [b'{"$ref":"http://127.0.0.1:1/x"}', b"[1]", b"{"])
async def test_bad_form_is_an_error_and_asks_nobody(
    schema: bytes, provider: Provider, run: Gateway, tmp_path: Path
) -> None:
    """A plugin that asks for nonsense hears so, at once, and nothing is paid."""
    async with desk(tmp_path, run) as one:
        question = asking("bad form")
        question.schema = schema
        told = await one.ask(question, "search")

    assert ("error", "judge_form", 0) == (told.failure, told.reason, len(provider.asked))


async def test_defect_of_ours_is_told_and_not_raised(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """Whoever asks gets an answer, also where ours cannot be priced: else the plugin would be charged for waiting."""
    provider.play(said(YES))

    def price(_bench: Bench, _provider: str | None, _body: bytes) -> int:
        raise ZeroDivisionError

    async with desk(tmp_path, run, price) as one:
        told = await one.ask(asking("no price"), "search")

    assert ("error", "judge_failed") == (told.failure, told.reason)


async def test_question_is_known_by_its_number_within_the_evaluation(
    provider: Provider, run: Gateway, tmp_path: Path
) -> None:
    """A task that is done again asks under other call numbers, and pays nothing; a second sample is asked for."""
    provider.play(said(YES), said(YES))
    async with desk(tmp_path, run) as one:
        for call, nth in ((0, 1), (7, 1), (8, 2)):
            question = asking("again", call)
            question.nth = nth
            await one.ask(question, "search")

    assert 2 == len(provider.asked)


async def test_question_under_way_is_not_asked_again(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """Who asks the same at the same time waits for the same verdict, which one of them pays; a failure, too."""
    provider.play(said(YES), said("no"), said("no"))
    async with desk(tmp_path, run, lambda *_: 7) as one:
        good = await asyncio.gather(*(one.ask(asking("shared", call), "search") for call in (3, 4)))
        bad = await asyncio.gather(*(one.ask(asking("shared, bad", call), "search") for call in (3, 4)))

    assert [(3, 7, False), (4, 0, True)] == [(each.call, each.cost_nano_usd, each.cached) for each in good]
    assert [("judge_format", 14), ("judge_format", 0)] == [(each.reason, each.cost_nano_usd) for each in bad]
    assert 3 == len(provider.asked)


async def test_who_cannot_wait_is_told_to_come_again(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """In time for it to end by itself; the verdict that was under way is there the next time."""
    provider.play(said(YES))
    async with desk(tmp_path, run) as one:
        hurried = asking("in a hurry")
        hurried.within_s = 0.0
        first, second = await one.ask(hurried, "search"), await one.ask(asking("in a hurry"), "search")

    assert ("retry", "judge_timeout") == (first.failure, first.reason)
    assert ({"verdict": "yes"}, 1) == (json.loads(second.verdict), len(provider.asked))


async def test_desk_that_closes_asks_no_more(provider: Provider, run: Gateway, tmp_path: Path) -> None:
    """Whoever waits is told, and nothing is left behind."""
    async with desk(tmp_path, run) as one:
        hurried = asking("left behind")
        hurried.within_s = 0.0
        await one.ask(hurried, "search")
        waiting = asyncio.create_task(one.ask(asking("left behind"), "search"))
        await asyncio.sleep(0)
        await one.close()
        told = await waiting

    assert ("retry", "judge_timeout") == (told.failure, told.reason)


@pytest.mark.parametrize("cls", [LlmJudge, Pairwise])
def test_judges_that_ship_wait_longer_than_a_verdict_takes(cls: type[Evaluator[Any]]) -> None:
    """So a slow judge is told as a slow judge, and its verdict is not lost."""
    assert CALL_S * ATTEMPTS <= ASK_S <= cls.needs.wall_s * JUDGE_SHARE < cls.needs.wall_s * SOFT_SHARE


@asynccontextmanager
async def behind_tls(certificate: Certificate) -> AsyncIterator[str]:
    """Serve a judge that always says yes, over TLS."""

    async def yes(_: web.Request) -> web.Response:
        return web.json_response({"model": "judge-1", "choices": [{"finish_reason": "stop", "message": YES_MESSAGE}]})

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    served = web.Application()
    served.router.add_post("/v1/chat/completions", yes)
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


YES_MESSAGE = {"role": "assistant", "content": YES}


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
async def test_renewed_certificate_is_trusted(run: Gateway, tmp_path: Path) -> None:
    """Also under the name of the old one, once the config is taken anew; one that is away changes nothing."""
    made = []
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        made.append(await asyncio.to_thread(make_certificate, tmp_path / name))
    trusted, told = tmp_path / "ca.pem", []
    async with behind_tls(made[1]) as url, desk(tmp_path, run) as one:
        for authority in (*(each.authority.read_bytes() for each in made), None):
            trusted.unlink(missing_ok=True)
            if authority is not None:
                trusted.write_bytes(authority)
            await one.use(url, {"helpful": Bench(KEY, "judge-1", "openai")}, str(trusted))
            told.append((await one.ask(asking(f"trusted {len(told)}"), "search")).reason)

    assert ["judge_unreachable", None, None] == told
