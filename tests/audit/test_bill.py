"""A bill is compared line by line, or day by day and model by model; what is no bill says what it should be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.bill import BadBill, Bill, read_bill
from gateway.audit.findings import Findings
from gateway.core.record import Attempt, Record
from tests.records import record

DAY = "2026-11-23"


def differences(text: str, records: list[Record]) -> list[tuple[str, str, int, int]]:
    """Compare a bill with a log, and return what differs: where, what, logged, billed."""
    found = Findings()
    bill = Bill(read_bill(text))
    for one in records:
        found.look_at(DAY, one.id)
        bill.add(one, found)
    bill.compare(found)
    return [(one.id or one.day, one.what, one.recorded, one.recomputed) for one in found.take()]


def asked(upstream_id: str, cost: int) -> Record:
    """Make an exchange that the provider knows by an id of its own."""
    attempts = [
        Attempt(provider="openai", upstream_request_id="req_0"),
        Attempt(provider="openai", upstream_request_id=upstream_id),
    ]
    return record(cost_nano_usd=cost, attempts=attempts)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_each_request_of_a_bill_is_compared(form: str) -> None:
    """By the provider's id for it, or ours; one that the log does not know is named."""
    good, bad, own = asked("req_1", 1_000_000), asked("req_2", 2_000_000), record(cost_nano_usd=3_000_000)
    rows = [("req_1", "0.001000000"), ("req_2", "0.002000001"), (own.id, "0.003000000"), ("req_9", "0.5")]
    if form == "csv":
        text = "\n".join(["id,amount_usd", *(f"{name},{amount}" for name, amount in rows)])
    else:
        text = "\n".join(f'{{"id":"{name}","amount_usd":"{amount}"}}' for name, amount in rows) + "\n\n"

    assert [
        (bad.id, "cost_nano_usd", 2_000_000, 2_000_001),
        ("bill", "req_9 is in the log", 0, 500_000_000),
    ] == differences(text, [good, bad, own, record()])


def test_days_are_compared_by_model() -> None:
    """All of both; days that are not billed are not."""
    records = [
        record(cost_nano_usd=1_000_000),
        record(cost_nano_usd=2_000_000),
        record(cost_nano_usd=5_000_000, model_served=None, model_requested="gpt-4o"),
        record(cost_nano_usd=9, started_at="2026-11-24T00:00:00.000000Z"),
    ]
    text = f"date,model,amount_usd\n{DAY},gpt-4o-mini,0.001\n{DAY}T00:00:00Z,gpt-4o-mini,0.002\n{DAY},o3,1\n"

    assert [(DAY, "gpt-4o", 5_000_000, 0), (DAY, "o3", 0, 10**9)] == differences(text, records)


def test_a_rounded_bill_agrees_within_its_last_digit() -> None:
    """Half of it for each line."""
    lines = f"date,model,amount_usd\n{DAY},gpt-4o-mini,0.01\n{DAY},gpt-4o-mini,0.01\n"

    for cost, differs in ((29_999_999, False), (30_000_000, False), (30_000_001, True), (9_999_999, True)):
        assert differs == bool(differences(lines, [record(cost_nano_usd=cost)]))


def test_a_bill_of_one_provider_is_compared_with_its_exchanges() -> None:
    """Where it names one; else with all."""
    records = [record(cost_nano_usd=7), record(cost_nano_usd=9, provider="azure")]
    for column, value, logged in ((",provider", ",openai", 7), ("", "", 16)):
        text = f"date,model,amount_usd{column}\n{DAY},gpt-4o-mini,0.000000008{value}\n"

        assert [(DAY, "gpt-4o-mini", logged, 8)] == differences(text, records)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the columns are amount_usd, id, date, model, provider"),
        ("id,cost\nx,1", "line 1: the columns"),
        ("id,amount_usd\nx,one", "line 2: amount_usd is an amount in USD such as 0.0125, not 'one'"),
        ("id,amount_usd\nx,NaN", "line 2: amount_usd"),
        ("id,amount_usd\nx,", "line 2: amount_usd"),
        ("id,model,amount_usd\n,gpt-4o,1", "line 2: give an id, or date and model"),
        ("date,model,amount_usd\n23.11.2026,gpt-4o,1", "line 2: a date is written 2026-11-23, not '23.11.2026'"),
        ('{"id":"x","amount_usd":1}\n{"id"', "line 2: "),
    ],
)
def test_what_is_no_bill_is_refused_with_what_it_must_be(text: str, said: str) -> None:
    """And the line."""
    with pytest.raises(BadBill) as refused:
        read_bill(text)

    assert str(refused.value).startswith(said)


@given(
    st.one_of(
        st.text(),
        st.text().map(lambda text: f'{{"id":"x","amount_usd":"{text}"}}'),
        st.text().map(lambda text: f"id,amount_usd\nx,{text}"),
    )
)
def test_any_text_is_a_bill_or_refused(text: str) -> None:
    """Nothing else comes of it."""
    try:
        lines = read_bill(text)
    except BadBill:
        return
    assert all(abs(line.nano_usd) <= 10**18 for line in lines)
