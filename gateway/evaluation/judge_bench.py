"""Where does each evaluator's judge sit, and what does an answer of it cost? From the snapshot in force."""

from collections.abc import Callable, Iterable, Mapping

from gateway.core.errors import Refusal
from gateway.evaluation.judge import Bench, Price
from gateway.evaluation.judge_speech import SPEECHES
from gateway.policies.evaluating import Plugin
from gateway.policies.pricing import PriceBook
from gateway.policies.quote import places
from gateway.policies.routing import Provider, Routing
from gateway.wire.dialect import DIALECTS


def benches(plugins: Iterable[Plugin], keys: Mapping[str, str], routing: Routing) -> dict[str, Bench]:
    """Seat the judges of these evaluators; one whose model leads nowhere, or that has no key, has no seat."""
    seats = {}
    for plugin in plugins:
        provider = _provider(routing, plugin.judge) if plugin.judge else None
        if plugin.judge and provider is not None and plugin.name in keys:
            seats[plugin.name] = Bench(keys[plugin.name], plugin.judge, provider.dialect)
    return seats


def pricing(routing: Routing, prices: PriceBook, now_s: Callable[[], float]) -> Price:
    """Return what prices a judge's answers, by the same meters and prices as a worker."""

    def price(bench: Bench, provider_name: str | None, answer: bytes) -> int:
        provider = routing.provider(provider_name) if provider_name else _provider(routing, bench.model)
        if provider is None:
            return 0
        dialect = DIALECTS[bench.dialect]
        endpoint = dialect.endpoint("POST", SPEECHES[bench.dialect].path(bench.model))
        meter = dialect.new_meter(endpoint, streamed=False, strip_usage=False)
        meter.feed(answer)
        meter.finish()
        sight = meter.sight()
        if sight.usage is None:
            return 0
        return prices.price(provider, sight.model, bench.model, sight.usage, now_s()).nano_usd

    return price


def _provider(routing: Routing, model: str) -> Provider | None:
    try:
        return next((place.provider for place in places(routing, model) if place.provider.dialect in SPEECHES), None)
    except Refusal:
        return None
