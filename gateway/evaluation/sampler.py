"""What becomes of each exchange of the log: who is to look at it, who waits for the end of the minute, what is counted?

Nothing here touches a file: facts in, `Admitted` out, which the queue commits in one go.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from gateway.core.ids import started_ms
from gateway.core.record import Record
from gateway.evaluation.follow import Batch, Row
from gateway.evaluation.money import CostOf, Money
from gateway.evaluation.runs import Run
from gateway.evaluation.task import (
    Admitted,
    Held,
    OpenConversation,
    Purse,
    RunStep,
    Sampled,
    StratumCount,
    StratumKey,
    stratum_of,
)
from gateway.evaluation.use import Facts, Stratum, Use, counted
from gateway.evaluation.windows import MINUTE_MS, Taken, close, slots_needed
from gateway.policies.evaluating import ALWAYS, TEAM, Evaluating, Rule
from gateway.policies.sampling import BY_RATE, CHOSEN, TRIAGE, Decision, Kind, Sieve, draw, kind_of

# So many models are told apart; names are the callers' to invent.
MODELS_MOST = 500
OTHER = "other"

_encode_kind = msgspec.json.Encoder().encode
_decode_kind = msgspec.json.Decoder(Kind).decode


class Sampler:
    """The rules of one config. `units`: what each evaluator that is loaded looks at; `judged`: those that ask a judge,
    which the day's money bounds; `cost_of`: what one look of theirs was found to cost."""

    def __init__(
        self,
        evaluating: Evaluating,
        units: Mapping[str, str],
        judged: Collection[str] = (),
        cost_of: CostOf = lambda _: None,
    ) -> None:
        self._salt = evaluating.salt
        self._units = units
        self._money = Money(evaluating, judged, cost_of)
        self._uses = {
            team: [self._use(rule) for rule in rules]
            for team, rules in evaluating.rules.items()
            if team != TEAM  # what a judge says is never judged
        }
        self._all = [use for uses in self._uses.values() for use in uses]
        self._models: set[str] = set()

    def unit(self, evaluator: str) -> str | None:
        """Return what an evaluator looks at; None: it is not loaded."""
        return self._units.get(evaluator)

    def look(self, batch: Batch, now_ms: int) -> Admitted:
        """Decide about new exchanges."""
        sampled: list[Sampled] = []
        held: list[Held] = []
        conversations: dict[tuple[str, str, str], OpenConversation] = {}
        for row in batch.rows:
            uses = self._uses.get(row.record.team)
            if not uses:
                continue
            record, facts = row.record, self._facts(row)
            for use in uses:
                if use.unit == "exchange":
                    decision = use.sieve.decide(record, facts.kind, facts.drawn)
                    taken = use.decide(facts, decision, now_ms)
                    if isinstance(taken, Sampled):
                        sampled.append(taken)
                    elif taken is not None:
                        held.append(taken)
                elif use.unit == "conversation":
                    _note(conversations, use, facts, record)
                else:
                    use.pass_by()
        strata, funnel = counted(self._all)
        open_now = list(conversations.values())
        return Admitted(batch.cursors, sampled, strata, funnel, held=held, conversations=open_now)

    def conversations(self, over: Sequence[OpenConversation], now_ms: int) -> Admitted:
        """Decide about sessions in which nothing happens any more, each as a whole."""
        sampled: list[Sampled] = []
        held: list[Held] = []
        for each in over:
            use = next((use for use in self._uses.get(each.team, ()) if use.evaluator == each.evaluator), None)
            if use is None or use.unit != "conversation":
                continue  # was switched off meanwhile
            facts = self._facts_of(each)
            rate = use.sieve.rate(facts.kind)
            always = tuple(name for bit, name in enumerate(ALWAYS) if each.always >> bit & 1)
            taken = use.decide(facts, None if rate is None else Decision(facts.drawn, rate, always), now_ms)
            if isinstance(taken, Sampled):
                sampled.append(taken)
            elif taken is not None:
                held.append(taken)
        strata, funnel = counted(self._all)
        ended = [(each.evaluator, each.team, each.session) for each in over]
        return Admitted({}, sampled, strata, funnel, held=held, ended=ended)

    def triage(self, bad: Sequence[tuple[Row, bool]], heard: Mapping[str, int], now_ms: int) -> Admitted:
        """Take what people found bad, each with whether that was said of its whole session.

        Nobody knows with which probability they say so: it stands in no mean, and in no stratum.
        """
        taken: list[Sampled] = []
        funnel: Counter[tuple[str, str, str]] = Counter()
        for row, is_session in bad:
            unit = "conversation" if is_session else "exchange"
            for use in self._uses.get(row.record.team, ()):
                if use.unit != unit or not use.sieve.wants_negative_feedback:
                    continue
                facts = self._facts(row)
                if use.sieve.rate(facts.kind) is None:
                    continue
                if not use.has_room_for_triage(now_ms // MINUTE_MS):
                    funnel[use.evaluator, "dropped", "always_per_minute"] += 1
                    continue
                taken.append(use.sampled(facts, None, [TRIAGE]))
                funnel[use.evaluator, "sampled", TRIAGE] += 1
        return Admitted({}, taken, {}, funnel, heard=heard)

    def close(self, waiting: Mapping[str, Sequence[Held]], purses: Mapping[str, Purse | None], now_ms: int) -> Admitted:
        """Decide about everybody who waited for the end of a minute, by evaluator.

        Where there is not money for one yet, they wait on: whoever could not be taken at all would be missing in means.
        """
        closed = _Closed()
        for name, held in waiting.items():
            uses = [use for use in self._all if use.evaluator == name]
            candidates = [each.candidate for each in held]
            # Without a rule any more, there may have been a rate.
            has_rate = not uses or any(use.sieve.has_rate for use in uses)
            offer = self._money.offer(name, purses.get(name), now_ms)
            if offer is not None and offer.slots < slots_needed(candidates, has_rate=has_rate):
                continue
            taken = {one.number: one for one in close(candidates, offer and offer.slots, has_rate=has_rate)}
            closed.take(name, held, taken)
            if offer is not None:
                closed.purses[name] = self._money.after(name, offer, len(taken))
            slots_most = self._money.slots_most(name)
            for use in uses:
                use.begin_window(slots_most)
        return Admitted({}, closed.sampled, closed.strata, closed.funnel, closed=closed.names, purses=closed.purses)

    def backfill(self, run: str, rule: Rule, batch: Batch, *, is_done: bool) -> Admitted:
        """Decide about exchanges of the past, by one rule without its caps: those are of a minute's traffic."""
        sieve = Sieve(rule)
        use = Use(sieve, self._units.get(rule.evaluator))
        sampled: list[Sampled] = []
        for row in batch.rows:
            if row.record.team != rule.team or rule.team == TEAM:
                continue
            facts = self._facts(row)
            decision = sieve.decide(row.record, facts.kind, facts.drawn)
            if decision is not None and decision.is_taken:
                sampled.append(use.sampled(facts, decision.probability, decision.reasons, run))
        (day, seq), *_ = batch.cursors.items() or [("", 0)]
        return Admitted({}, sampled, {}, {}, step=RunStep(run, day, seq, is_done))

    def pair(self, run: Run, row: Row) -> Admitted:
        """Take a pair that somebody chose, filed under its first exchange: no probability says who chooses what."""
        use = Use(Sieve(run.rule), "pair")
        one = msgspec.structs.replace(
            use.sampled(self._facts(row), None, [CHOSEN], run.id), target_type="pair", target=run.pair
        )
        return Admitted({}, [one], {}, {}, step=RunStep(run.id, row.day, row.seq, is_done=True))

    def _use(self, rule: Rule) -> Use:
        name = rule.evaluator
        bounded, slots_most = self._money.bounds(name), self._money.slots_most(name)
        return Use(Sieve(rule), self._units.get(name), bounded=bounded, slots_most=slots_most)

    def _facts(self, row: Row) -> Facts:
        record = row.record
        names = record.model_asked or "", record.route or "", record.outcome or ""
        return Facts(
            record.id,
            row.day,
            row.seq,
            draw(self._salt, record.id),
            kind_of(record),
            self._stratum(record.id, *names),
            record.session,
        )

    def _facts_of(self, each: OpenConversation) -> Facts:
        kind = _decode_kind(each.kind)
        stratum = self._stratum(each.exchange, kind.models[1], kind.route, kind.outcome)
        drawn = draw(self._salt, each.session)
        return Facts(each.exchange, each.day, each.seq, drawn, kind, stratum, each.session)

    def _stratum(self, exchange: str, model: str, route: str, outcome: str) -> Stratum:
        if model not in self._models:
            if len(self._models) >= MODELS_MOST:
                model = OTHER
            self._models.add(model)
        return started_ms(exchange) // MINUTE_MS, model, route, outcome


class _Closed:
    """What came of windows."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sampled: list[Sampled] = []
        self.strata: dict[StratumKey, StratumCount] = {}
        self.funnel: Counter[tuple[str, str, str]] = Counter()
        self.purses: dict[str, Purse] = {}

    def take(self, name: str, held: Sequence[Held], taken: Mapping[int, Taken]) -> None:
        self.names.append(name)
        for each in held:
            one = taken.get(each.candidate.number)
            if one is None:
                continue
            reasons = [why for why in each.sampled.reasons if (one.by_rate if why == BY_RATE else one.by_always)]
            self.sampled.append(msgspec.structs.replace(each.sampled, probability=one.probability, reasons=reasons))
            self.strata.setdefault(stratum_of(each.sampled), StratumCount()).sampled += 1
            self.funnel[name, "sampled", reasons[0]] += 1


def _note(conversations: dict[tuple[str, str, str], OpenConversation], use: Use, facts: Facts, record: Record) -> None:
    """Note that a session goes on. What always-rules say of any of its exchanges, they say of all of it."""
    session = facts.conversation
    if not session:
        return
    key = use.evaluator, record.team, session
    before = conversations.get(key)
    last_ms = started_ms(record.id) + int(record.duration_ms or 0)
    always = sum(1 << ALWAYS.index(kind) for kind in use.sieve.always(record))
    conversations[key] = OpenConversation(
        *key,
        facts.day,
        facts.seq,
        facts.exchange,
        max(last_ms, before.last_ms) if before else last_ms,
        _encode_kind(facts.kind),
        always | (before.always if before else 0),
    )
