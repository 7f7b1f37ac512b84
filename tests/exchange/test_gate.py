"""Who passes the gate, and what they must hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.core.errors import Refusal
from gateway.core.record import Record
from gateway.exchange.admission import Admission
from gateway.exchange.books import Entry
from gateway.exchange.gate import Gate
from gateway.exchange.lanes import Lane
from gateway.exchange.way import Way
from gateway.journal.writer import Journal
from gateway.metrics.board import Board
from gateway.policies.budget import Budget, Budgets
from gateway.policies.pricing import PriceBook
from gateway.policies.routing import Choice, Provider, Target
from gateway.policies.windows import Window
from gateway.wire.dialect import DIALECTS
from gateway.wire.endpoint import Place
from gateway.wire.shapes import Fields
from tests.exchange.parts import OPENAI, idle_pool, snapshot
from tests.http.uv import on_uvloop
from tests.ledger.parts import serving

EVER = Window("total", UTC)
SOFT = Budget("search/all", EVER, limit_nano_usd=10**12)
STRICT = replace(SOFT, id="search/hard", mode="strict")
BODY = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"max_tokens":100}'
MODEL = "gpt-4o-mini"
NOW_NS = 1_800_000_000 * 10**9


class Passage:
    """A gate, and requests that come to it."""

    def __init__(self, gate: Gate, folder: Path) -> None:
        self.gate = gate
        self._journal = Journal(folder / "journal", "w")
        self._slot = Board(folder / "board").claim(0)

    def come(
        self,
        method: str = "POST",
        path: str = "/chat/completions",
        *,
        to: Provider = OPENAI,
        model: str | None = "gpt-4o-mini",
    ) -> Admission | None:
        """Let a request come."""
        place = Place("openai", DIALECTS["openai"].endpoint(method, path), path)
        prices = PriceBook({}, (Decimal(5), Decimal(25)), "default_price")
        way = Way(Choice(None, (Target(to, None),)), Lane(to, idle_pool(to)), b"", prices, self._slot)
        record = Record(id="i", started_at="", team="search", key="ci", method=method, model_requested=model)
        entry = Entry(self._journal, record, begun_ns=0, started_ns=NOW_NS, keep=0)
        return self.gate.admission(entry, place, way, Fields(model=model, max_output_tokens=100), BODY, len(BODY))


@asynccontextmanager
async def gate(folder: Path, *budgets: Budget) -> AsyncIterator[Passage]:
    """Open a gate with these budgets."""
    async with serving(folder) as (_, (holder,)):
        one = Gate(holder)
        one.use(replace(snapshot(), budgets=Budgets(budgets)))
        passage = Passage(one, folder)
        yield passage
        passage._journal.close()


@on_uvloop
async def test_a_gate_without_budgets_guards_nothing(tmp_path: Path) -> None:
    """And says so, so that nobody need ask."""
    async with gate(tmp_path) as one:
        assert not one.gate.guards
    async with gate(tmp_path, SOFT) as one:
        assert one.gate.guards


@on_uvloop
async def test_what_is_unknown_is_guessed_and_what_was_learned_is_expected(tmp_path: Path) -> None:
    """A quarter of the bytes in, and no more out than the request allows; then what such a request did cost."""
    async with gate(tmp_path, SOFT) as one:
        guessed = one.come()
        assert guessed is not None
        guessed.plan.learned.learn(len(BODY), 12_345, 67)
        expected = one.come()

        assert expected is not None
        # gpt-4o-mini: 150 nano-USD for a token in, 600 for one out.
        assert [-(-len(BODY) // 4) * 150 + 100 * 600] == guessed._amounts
        (amount,) = expected._amounts
        assert abs(amount - 12_345) <= 1


@on_uvloop
async def test_a_strict_budget_wants_the_bound(tmp_path: Path) -> None:
    """Or refuses what has none, and says what to do."""
    async with gate(tmp_path, SOFT, STRICT) as one:
        both = one.come()
        with pytest.raises(Refusal, match="strict_ceiling_usd") as refused:
            one.come(path="/files")

        assert both is not None
        soft, strict = both._amounts
        assert strict > (2_000 + len(BODY)) * 150 + 100 * 600 > soft > 0
        assert "unbounded_request" == refused.value.kind


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models"),
        ("GET", "/files/f1"),
        ("DELETE", "/files/f1"),
        ("POST", "/moderations"),
        ("GET", "/batches/b"),
    ],
)
@on_uvloop
async def test_what_costs_nothing_is_not_held_up(tmp_path: Path, method: str, path: str) -> None:
    """An agent that has no money left can still fetch what it paid for."""
    async with gate(tmp_path, SOFT, STRICT) as one:
        assert one.come(method, path) is None


@on_uvloop
async def test_a_provider_that_is_free_needs_no_money(tmp_path: Path) -> None:
    """But it counts as a request."""
    async with gate(tmp_path, replace(SOFT, limit_requests=5), STRICT) as one:
        free = one.come(to=replace(OPENAI, free=True))

        assert free is not None
        assert [0, 1, 0] == free._amounts


@on_uvloop
async def test_a_request_without_a_model_is_guarded_too(tmp_path: Path) -> None:
    """Whatever it is, it may cost something: nothing passes a budget that is empty."""
    async with gate(tmp_path, SOFT) as one:
        unknown = one.come(path="/whatever", model=None)

        assert unknown is not None
        assert unknown._amounts[0] > 0


@on_uvloop
async def test_a_barred_model_is_refused_where_a_budget_is_strict(tmp_path: Path) -> None:
    """Of that provider, and nobody else's; a soft budget lets it through, and so does a strict one once it may."""
    other = replace(OPENAI, name="other")
    async with gate(tmp_path, STRICT) as one:
        one.gate.holder.bar(frozenset(("openai/gpt-4o-mini",)))
        with pytest.raises(Refusal, match="tollway budget acknowledge openai/gpt-4o-mini") as refused:
            one.come()

        assert "bound_exceeded" == refused.value.kind
        assert one.come(to=other) is not None
        assert one.come(method="GET") is None
        one.gate.holder.bar(frozenset())
        assert one.come() is not None
    async with gate(tmp_path, SOFT) as one:
        one.gate.holder.bar(frozenset(("openai/gpt-4o-mini",)))
        assert one.come() is not None
