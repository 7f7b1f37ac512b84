"""What one look decides: who is taken, who waits, what is counted."""

from gateway.evaluation.follow import Batch, Row
from gateway.evaluation.sampler import MODELS_MOST, OTHER, Sampler
from gateway.evaluation.task import Admitted, Held, OpenConversation, StratumCount
from gateway.policies.evaluating import Always, Evaluating, Plugin, Rule, Stratum
from gateway.policies.sampling import draw
from tests.evaluation.looking import evaluating, rule
from tests.records import NOON_MS, record

DAY = "2026-11-23"
MINUTE = NOON_MS // 60_000


def look(config: Evaluating, *records: object, units: dict[str, str] | None = None) -> Admitted:
    """Look at some exchanges."""
    known = dict.fromkeys(config.plugins, "exchange") if units is None else units
    rows = [Row(DAY, number, each) for number, each in enumerate(records, 1)]  # type: ignore[arg-type]
    return Sampler(config, known).look(Batch(rows, {DAY: len(rows)}, is_behind=False), NOON_MS)


def test_one_exchange_is_a_target_of_each_evaluator_of_its_team() -> None:
    """With all that its scores will need to be weighted and grouped."""
    one, foreign = record(NOON_MS, session="s", route="fast"), record(team="web")
    found = look(evaluating(rule("refusal"), rule("slo", sample=0.0), rule("refusal", "ads")), one, foreign)
    (taken,) = found.sampled

    assert ("online", "refusal", "search", "exchange", one.id, one.id, DAY, 1) == (
        taken.run, taken.evaluator, taken.team, taken.target_type, taken.target, taken.exchange, taken.day, taken.seq,
    )  # fmt: skip
    assert (1.0, ["rate"], "s", "gpt-4o-mini", "fast", "ok") == (
        taken.probability, taken.reasons, taken.conversation, taken.model, taken.route, taken.outcome,
    )  # fmt: skip
    assert rule("refusal").version == taken.policy
    assert {DAY: 2} == found.cursors
    assert {
        ("refusal", "search", MINUTE, "gpt-4o-mini", "fast", "ok"): StratumCount(1, 1),
        ("slo", "search", MINUTE, "gpt-4o-mini", "fast", "ok"): StratumCount(1, 0),
    } == found.strata
    assert {
        ("refusal", "seen", ""): 1, ("refusal", "matched", ""): 1, ("refusal", "sampled", "rate"): 1,
        ("slo", "seen", ""): 1, ("slo", "matched", ""): 1,
    } == found.funnel  # fmt: skip


def test_judges_calls_are_never_sampled() -> None:
    """Whatever a config says of their team."""
    found = look(evaluating(rule(team="evaluation")), record(team="evaluation"))

    assert ([], {}, {}) == (found.sampled, found.strata, found.funnel)


def test_what_cannot_be_looked_at_is_counted() -> None:
    """An evaluator that could not be loaded, or compares pairs, took part in nothing else."""
    config = evaluating(rule("broken"), rule("pairwise"))
    found = look(config, record(), record(), units={"pairwise": "pair"})

    assert {("broken", "seen", "not_loaded"): 2, ("pairwise", "seen", "unit_pair"): 2} == found.funnel
    assert {} == found.strata


def test_what_does_not_match_is_in_no_stratum() -> None:
    """Strata are what the rule speaks about."""
    found = look(evaluating(rule(only=Stratum(1.0, outcome=("ok",)))), record(), record(outcome="timeout"))

    assert [1] == [count.seen for count in found.strata.values()]
    assert {("refusal", "seen", ""): 2, ("refusal", "matched", ""): 1} | {
        ("refusal", "sampled", "rate"): 1
    } == found.funnel


def test_same_exchanges_on_any_host_and_after_a_restart() -> None:
    """The salt and the rate decide, nothing else; a lower rate takes a part of a higher one's."""
    records = [record(NOON_MS + number) for number in range(2_000)]
    taken = [look(evaluating(rule(sample=rate), salt="x"), *records).sampled for rate in (0.05, 0.2, 0.05)]
    low, high, again = ({each.exchange for each in some} for some in taken)

    assert low == again == {each.id for each in records if draw("x", each.id) < 0.05}
    assert low < high
    assert [{0.05}, {0.2}, {0.05}] == [{each.probability for each in some} for some in taken]
    assert low != {each.exchange for each in look(evaluating(rule(sample=0.05), salt="y"), *records).sampled}


def test_only_what_caps_hold_waits() -> None:
    """Always-rules have a cap, so what they take waits; all else is taken at once where its rule has none."""
    good, bad = record(), record(outcome="timeout")
    found = look(evaluating(rule("a", always=(Always("error"),)), rule("b", per_minute=5, sample=0.5)), good, bad)
    waiting = [(each.sampled.evaluator, each.candidate.is_always, each.sampled.probability) for each in found.held]

    assert [("a", good.id)] == [(each.evaluator, each.exchange) for each in found.sampled]
    assert ("a", True, None) in waiting
    assert {"a", "b"} >= {evaluator for evaluator, *_ in waiting}
    assert all(each.candidate.draw < 0.5 for each in found.held if each.sampled.evaluator == "b")


def test_few_of_a_burst_are_kept_until_the_minute_is_over() -> None:
    """Only those that can be among the lowest: the file stays small in any load."""
    records = [record(NOON_MS + number) for number in range(5_000)]
    found = look(evaluating(rule(per_minute=50)), *records)
    lowest = sorted(records, key=lambda each: draw("tollway", each.id))[:51]

    assert {each.id for each in lowest} <= {each.sampled.exchange for each in found.held}
    assert len(found.held) < 600


def closed(
    config: Evaluating, found: Admitted, judged: tuple[str, ...] = (), now_ms: int = NOON_MS + 60_000
) -> Admitted:
    """Close the window of what waits."""
    by_evaluator: dict[str, list[Held]] = {}
    for number, each in enumerate(found.held, 1):
        numbered = each._replace(candidate=each.candidate._replace(number=number))
        by_evaluator.setdefault(each.sampled.evaluator, []).append(numbered)
    units = dict.fromkeys(config.plugins, "exchange")
    return Sampler(config, units, judged).close(by_evaluator, dict.fromkeys(by_evaluator), now_ms)


def test_burst_of_5000_under_a_cap_of_50_takes_50() -> None:
    """Each with the probability that it had; strata and funnel say so, too."""
    config = evaluating(rule(per_minute=50))
    records = [record(NOON_MS + number) for number in range(5_000)]
    done = closed(config, look(config, *records))
    draws = sorted(draw("tollway", each.id) for each in records)

    assert 50 == len(done.sampled)
    assert {draws[50]} == {each.probability for each in done.sampled}
    assert ["refusal"] == done.closed
    assert {("refusal", "sampled", "rate"): 50} == done.funnel
    assert 50 == sum(count.sampled for count in done.strata.values())
    assert 0 == sum(count.seen for count in done.strata.values())


def test_reasons_are_those_in_force() -> None:
    """What an always-rule's cap left out is taken by its rate alone, and says so."""
    config = evaluating(rule(sample=1.0, always=(Always("error"),), always_per_minute=1))
    done = closed(config, look(config, *(record(outcome="timeout") for _ in range(3))))

    assert [["rate"], ["rate"], ["rate", "error"]] == sorted(each.reasons for each in done.sampled)
    assert {1.0} == {each.probability for each in done.sampled}


def judge_config(day_nano_usd: int, cost_nano_usd: int, *rules: Rule) -> Evaluating:
    """Make a config of a judge with a budget of its own."""
    plugin = Plugin("refusal", "llm_judge", budget_nano_usd=day_nano_usd, cost_nano_usd=cost_nano_usd)
    return evaluating(*(rules or (rule(),)), plugins={"refusal": plugin})


def looked(config: Evaluating, count: int) -> Admitted:
    """Look at so many, as a judge does."""
    rows = [Row(DAY, number, record(NOON_MS + number)) for number in range(count)]
    units = dict.fromkeys(config.plugins, "exchange")
    return Sampler(config, units, {"refusal"}).look(Batch(rows, {DAY: count}, is_behind=False), NOON_MS)


def test_money_of_the_day_bounds_what_a_minute_takes() -> None:
    """As many as are thought to cost what there is; the rate falls, and is told."""
    config = judge_config(24_000, 100)
    done = closed(config, looked(config, 100), ("refusal",))
    (probability,) = {each.probability for each in done.sampled}

    assert 10 == len(done.sampled)
    assert probability is not None and probability < 0.3
    assert (0, 100) == (done.purses["refusal"].bucket.left_nano_usd, done.purses["refusal"].cost_nano_usd)


def test_without_money_for_one_they_wait_on() -> None:
    """A minute that could take nobody would be missing in means: it goes on until there is money."""
    config = judge_config(24_000, 100)
    midnight_ms = NOON_MS + 12 * 3_600_000
    found = looked(config, 5)
    waiting, done = (closed(config, found, ("refusal",), midnight_ms + ms) for ms in (60_000, 7 * 60_000))

    assert ([], []) == (waiting.closed, waiting.sampled)
    assert (["refusal"], 1) == (done.closed, len(done.sampled))


def test_evaluators_that_ask_no_judge_need_no_money() -> None:
    """A budget for judges holds nobody else up."""
    config = judge_config(24_000, 100)

    assert 3 == len(look(config, record(), record(), record()).sampled)


def test_conversation_is_decided_once_it_rests() -> None:
    """As a whole, by its session; always-rules ask all of its exchanges, patterns the last one."""
    config = evaluating(rule(sample=0.0, always=(Always("error"),), only=Stratum(1.0, outcome=("ok",))))
    units = {"refusal": "conversation"}
    bad, good = record(NOON_MS, outcome="timeout", session="s"), record(NOON_MS + 9, session="s", duration_ms=50.5)
    found = look(config, bad, good, record(), units=units)
    (open_now,) = found.conversations
    done = Sampler(config, units).conversations([open_now, open_now._replace(session="t", always=0)], NOON_MS)

    assert ([], [], {}) == (found.sampled, found.held, found.strata)
    assert ("refusal", "search", "s", DAY, 2, good.id, NOON_MS + 812, 1) == (*open_now[:7], open_now.always)
    assert ["s"] == [each.sampled.target for each in done.held]
    assert [("conversation", good.id, "s")] == [
        (each.sampled.target_type, each.sampled.exchange, each.sampled.conversation) for each in done.held
    ]
    assert [("refusal", "search", "s"), ("refusal", "search", "t")] == done.ended
    assert {("refusal", "seen", ""): 2, ("refusal", "matched", ""): 2} == done.funnel
    assert [2] == [count.seen for count in done.strata.values()]


def test_conversations_of_an_evaluator_that_is_gone_just_end() -> None:
    """Nobody looks at them."""
    gone = OpenConversation("gone", "search", "s", DAY, 1, record().id, NOON_MS, b'[["","",""],"","",""]', 0)
    done = Sampler(evaluating(), {}).conversations([gone], NOON_MS)

    assert ([("gone", "search", "s")], []) == (done.ended, done.sampled)


def test_made_up_models_share_a_stratum() -> None:
    """Callers invent names: beyond a bound they are one."""
    names = [f"m{number}" for number in range(MODELS_MOST + 20)]
    found = look(evaluating(rule()), *(record(model_requested=name) for name in names))
    counts = {key[3]: count.seen for key, count in found.strata.items()}

    assert (MODELS_MOST + 1, 20) == (len(counts), counts[OTHER])
