"""Usage and bill as people read them: parts below their total, points below each other, mistakes in the open."""

import msgspec
import pytest

from gateway.cli.explain_bill import print_cost, print_usage
from gateway.core.usage import Usage
from gateway.policies.explained import explain
from tests.records import record


def test_parts_stand_below_their_total(capsys: pytest.CaptureFixture[str]) -> None:
    """What was read from a cache is part of what was read; units that are no tokens follow."""
    usage = Usage(input_total=1250, input_cached_read=512, output_total=3, web_searches=2, service_tier="flex")
    print_usage(record(usage=usage, usage_source="partial"))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert lines[0].startswith("usage told by the provider in part")
    found = lines[lines.index("read, tokens 1,250") : -1]
    assert [
        "read, tokens 1,250", "from the cache 512", "wrote, tokens 3", "web searches 2", "service tier flex"
    ] == found  # fmt: skip


def test_lines_that_are_not_what_was_booked(capsys: pytest.CaptureFixture[str]) -> None:
    """Are not hidden."""
    one = record(rates=msgspec.Raw(b'{"input":1,"output":1}'))
    print_cost(one, explain(one))

    assert "These lines are not what was booked" in capsys.readouterr().out
