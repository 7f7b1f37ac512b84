"""Is the cost in a record what its usage costs at the prices in the record?"""

from gateway.audit.findings import Findings
from gateway.core.charging import bounded
from gateway.core.money import nano_from_pico
from gateway.core.record import PRICE_SOURCES, Record
from gateway.core.usage import Usage
from gateway.policies.explained import BadRates, applied
from gateway.policies.listed import listed_prices
from gateway.policies.price_table import PriceList
from gateway.policies.rates import KINDS, Rates, bill, rates_for, rates_from_pico
from gateway.policies.routing import Provider


def check_cost(record: Record, usage: Usage | None, found: Findings) -> None:
    """Price the usage again. `usage`: the record's, as the provider's own object tells it."""
    found.expect("cost", "price_source", record.price_source in PRICE_SOURCES, True)
    if usage is None or record.price_source == "free":
        found.expect(
            "cost", "cost_nano_usd", record.cost_nano_usd, bounded(0, record.bound_nano_usd, record.usage_source)
        )
        return
    if record.price_source == "provider":
        _expect_cost(record, usage.provider_cost_nano_usd, found)
        return
    elsewhere = [_elsewhere(each, f"usage.elsewhere[{at}]", found) for at, each in enumerate(usage.elsewhere)]
    own = _own(record, usage, found)
    if own is None:
        return
    _expect_cost(record, own + sum(elsewhere), found)


def _expect_cost(record: Record, cost_nano_usd: int | None, found: Findings) -> None:
    """Compare, where nothing was told with the bound that a strict budget books then."""
    found.look_into("costs")
    bound, source = record.bound_nano_usd, record.usage_source
    booked = None if cost_nano_usd is None else bounded(cost_nano_usd, bound, source)
    found.expect("cost", "cost_nano_usd", record.cost_nano_usd, booked)


def check_prices(record: Record, provider: Provider | None, prices: PriceList, found: Findings) -> None:
    """Look the model up again in the price list, if the prices came from the one that is in force now."""
    usage = record.usage
    if usage is None or record.price_source != "genai-prices" or not bytes(record.rates):
        return
    if record.price_version != prices.version:
        found.skip("prices", f"another price list was in force ({record.price_version})")
        return
    if provider is None:
        found.skip("prices", f"the config names no provider {record.provider}")
        return
    found.look_into("prices")
    schedule = listed_prices(record, provider, prices)
    listed = None if schedule is None else rates_for(usage, schedule)
    try:
        rates = applied(record.rates)
    except BadRates:
        return  # the cost's check has said so
    found.expect("prices", "rates", _by_kind(rates), _by_kind(listed))


def _own(record: Record, usage: Usage, found: Findings) -> int | None:
    """Price what the model itself did, in nano-USD; None: nobody can."""
    try:
        rates = applied(record.rates)
    except BadRates as error:
        found.expect("cost", "rates", bytes(record.rates).decode("utf-8", "replace"), str(error))
        return None
    if rates is None and record.price_source == "none":
        rates = rates_from_pico({})
    if rates is None:
        found.skip("cost", "the prices are not in the record: an earlier version wrote it")
        return None
    return _nano_usd(usage, rates)


def _elsewhere(usage: Usage, name: str, found: Findings) -> int:
    """Price what another model did."""
    if usage.provider_cost_nano_usd is not None:
        found.expect("cost", f"{name}.cost_nano_usd", usage.cost_nano_usd, usage.provider_cost_nano_usd)
        return usage.provider_cost_nano_usd
    try:
        rates = applied(usage.rates)
    except BadRates as error:
        found.expect("cost", f"{name}.rates", bytes(usage.rates).decode("utf-8", "replace"), str(error))
        return usage.cost_nano_usd
    if rates is None:
        found.skip("cost", "the prices of another model are not in the record: an earlier version wrote it")
        return usage.cost_nano_usd
    cost = _nano_usd(usage, rates)
    found.expect("cost", f"{name}.cost_nano_usd", usage.cost_nano_usd, cost)
    return cost


def _by_kind(rates: Rates | None) -> dict[str, int] | None:
    return None if rates is None else {kind: getattr(rates, kind) for kind in KINDS}


def _nano_usd(usage: Usage, rates: Rates) -> int:
    return nano_from_pico(sum(line.pico_usd for line in bill(usage, rates)))
