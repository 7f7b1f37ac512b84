"""Is the usage in a record what the provider's own usage object says, and does it add up?"""

from collections.abc import Iterator

import msgspec

from gateway.audit.findings import Findings
from gateway.core.record import Record
from gateway.core.usage import TOKEN_TYPES, Usage, disjoint_tokens
from gateway.wire.dialect import DIALECTS
from gateway.wire.openai_usage import take_for_pictures

_TOKENS = tuple(name for name in Usage.__struct_fields__ if name.startswith(("input_", "output_")))
_INPUT_PARTS = ("input_audio", "input_image", "input_video", "input_tool")
_OUTPUT_PARTS = ("output_audio", "output_image", "output_video", "output_citation")
_CACHED_PARTS = ("input_cached_audio", "input_cached_image", "input_cached_video")
# Beside the totals, a usage object may name these; else they stood around it, or were asked for.
_BESIDE = (
    "web_searches", "file_searches", "seconds", "characters", "images", "pages", "requests", "context",
    "service_tier", "speed", "processing", "geo",
)  # fmt: skip
# The dialect whose usage object also tells what other models did.
_TELLS_ALL = "anthropic"
# Told by the provider, if at all in part; of everything else nothing can be read again.
_TOLD = ("provider", "partial")


def check_usage(record: Record, found: Findings) -> Usage | None:
    """Read the usage object again and compare; return the usage that must be paid for, None if there is none."""
    usage = record.usage
    if usage is None:
        return None
    for name, one in (("usage", usage), *((f"usage.elsewhere[{at}]", each) for at, each in enumerate(usage.elsewhere))):
        for what, told, most in _too_large(one):
            found.expect("usage", f"{name}.{what}", told, most)
    return _compare_raw(record, usage, found)


def _compare_raw(record: Record, usage: Usage, found: Findings) -> Usage:
    raw, dialect = bytes(usage.raw), DIALECTS.get(record.dialect or "")
    if not raw:
        if record.usage_source in _TOLD:
            found.skip("usage", "the provider's own object is not in the record")
        return usage
    if dialect is None:
        found.skip("usage", f"this version does not know the dialect {record.dialect}")
        return usage
    found.look_into("usage objects")
    again = dialect.read_raw(raw)
    if record.usage_source not in _TOLD and not (_is_lapsed(record) and again is not None):
        # An estimate stands beside an object only where that one could not be believed.
        found.expect("usage", "usage_source", record.usage_source, "estimated")
        if again is not None and (again.input_total or again.output_total):
            found.expect("usage", "usage_source", record.usage_source, "told by usage.raw")
        return usage
    if again is None or again.is_spoiled:
        found.expect("usage", "usage_source", record.usage_source, "not told by usage.raw")
        return usage
    return _compare(record, usage, again, found)


def _is_lapsed(record: Record) -> bool:
    """Tell whether an estimate was booked on top of what a stream had told of work that went on."""
    return record.job is not None and record.job.state == "lapsed"


def _compare(record: Record, usage: Usage, again: Usage, found: Findings) -> Usage:
    """Compare field by field; return what was read again, completed by what stood around it."""
    if record.usage_source != "provider" and usage.output_total > again.output_total:
        again.output_total = usage.output_total  # it did not tell all: the rest is an estimate
    if record.endpoint == "image" and usage.output_image:
        take_for_pictures(again)
    for name in (*_TOKENS, "provider_cost_nano_usd"):
        found.expect("usage", f"usage.{name}", getattr(usage, name), getattr(again, name))
    for name in _BESIDE:
        if told := getattr(again, name):
            found.expect("usage", f"usage.{name}", getattr(usage, name), told)
        else:
            setattr(again, name, getattr(usage, name))
    if again.suspect:
        found.expect("usage", "usage.suspect", usage.suspect, True)
    if usage.elsewhere and not again.elsewhere and record.dialect != _TELLS_ALL:
        found.skip("usage", "what other models did stands beside the provider's own object")
        again.elsewhere = usage.elsewhere
    found.expect("usage", "usage.elsewhere", len(usage.elsewhere), len(again.elsewhere))
    for at, (one, other) in enumerate(zip(usage.elsewhere, again.elsewhere, strict=False)):
        for name in (*_TOKENS, "model"):
            found.expect("usage", f"usage.elsewhere[{at}].{name}", getattr(one, name), getattr(other, name))
        other.rates, other.cost_nano_usd = one.rates, one.cost_nano_usd
    return again


def _too_large(usage: Usage) -> Iterator[tuple[str, int, int]]:
    """Give what is below nothing, or larger than what it is a part of: name, amount, and the most it may be."""
    for name in (*_TOKENS, "web_searches", "file_searches", "characters", "images", "pages", "cost_nano_usd"):
        if getattr(usage, name) < 0:
            yield name, getattr(usage, name), 0
    for total, parts in (
        (usage.input_total, _INPUT_PARTS),
        (usage.output_total, _OUTPUT_PARTS),
        (usage.input_cached_read, _CACHED_PARTS),
    ):
        for name in parts:
            if getattr(usage, name) > total:
                yield name, getattr(usage, name), total
    tokens = disjoint_tokens(usage)
    for name, amount in zip(TOKEN_TYPES, tokens, strict=True):
        if amount < 0:
            yield name, amount, 0
    if sum(tokens) != usage.input_total + usage.output_total:
        yield "token types", sum(tokens), usage.input_total + usage.output_total


def without_prices(usage: Usage) -> Usage:
    """Return a usage as the answer told it, without what was applied to it."""
    none = msgspec.Raw(b"")
    elsewhere = tuple(without_prices(each) for each in usage.elsewhere)
    return msgspec.structs.replace(usage, rates=none, cost_nano_usd=0, elsewhere=elsewhere)
