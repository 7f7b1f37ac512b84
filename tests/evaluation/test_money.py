"""Each evaluator that asks a judge has money of its own: what one takes never decides what another takes."""

from gateway.evaluation.money import Money
from gateway.evaluation.task import Purse
from gateway.evaluation.windows import ANY_NUMBER, DAY_MS, Bucket
from gateway.policies.evaluating import Evaluating, Plugin
from tests.evaluation.looking import evaluating, rule

NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


def config(own: int | None, whole: int | None, names: tuple[str, ...] = ("a", "b"), cost: int = 10) -> Evaluating:
    """Make a config of judges."""
    plugins = {name: Plugin(name, name, budget_nano_usd=own, cost_nano_usd=cost) for name in names}
    return evaluating(*map(rule, names), plugins=plugins, budget_nano_usd=whole)


def slots(money: Money, name: str) -> int | None:
    """Say for how many there is money, when an hour's worth is there."""
    offer = money.offer(name, None, NOON_MS)
    return None if offer is None else offer.slots


def test_budgets_are_divided_evenly() -> None:
    """The whole among all who ask, an evaluator's own among its variants; the smaller one holds."""
    nobody = Money(config(2400, None), (), lambda _: None)
    own = Money(config(2400, None), {"a", "b"}, lambda _: None)
    whole = Money(config(None, 2400), {"a", "b"}, lambda _: None)
    both = Money(config(720, 2400), {"a"}, lambda _: None)
    variants = Money(config(2400, None, ("a", "a@web")), {"a", "a@web"}, lambda _: None)

    assert (None, False) == (slots(nobody, "a"), nobody.bounds("a"))
    assert [10, 10] == [slots(own, name) for name in "ab"]
    assert [5, 5] == [slots(whole, name) for name in "ab"]
    assert (3, None) == (slots(both, "a"), slots(both, "b"))
    assert 5 == slots(variants, "a@web")


def test_what_costs_nothing_is_for_any_number() -> None:
    """A judge of one's own, that is free."""
    money = Money(config(2400, None, cost=0), {"a"}, lambda _: None)

    assert (ANY_NUMBER, None) == (slots(money, "a"), money.slots_most("a"))


def test_price_of_a_window_is_the_one_of_its_beginning() -> None:
    """What is learned meanwhile holds from the next one on."""
    known = {"a": 20}
    money = Money(config(2400, None), {"a"}, known.get)
    offer = money.offer("a", Purse(Bucket(100, NOON_MS), 50), NOON_MS)
    assert offer is not None
    after = money.after("a", offer, 2)

    assert (2, 50) == (offer.slots, offer.cost_nano_usd)
    assert Purse(Bucket(0, NOON_MS), 20) == after


def test_there_is_never_more_than_was_told_when_the_window_began() -> None:
    """By that it was decided who need not be kept."""
    known = {"a": 50}
    money = Money(config(2400, None), {"a"}, known.get)
    most = money.slots_most("a")
    known["a"] = 1

    assert (2, 2) == (most, slots(money, "a"))
