"""What retention has removed is told as what cannot be judged: never as a difference, and never in silence."""

from gateway.audit.findings import Findings
from gateway.audit.gone import Gone

MONDAY, TUESDAY = "2026-11-23", "2026-11-24"
TUESDAY_S = 1_795_478_400


def test_a_day_with_rows_that_are_gone_has_sums_that_nobody_can_recount() -> None:
    """Of another team's rows that is none of this one's business."""
    found = Findings()
    gone = Gone("ads")

    assert not gone.note_day(MONDAY, {}, found)
    assert not gone.note_day(MONDAY, {"search": 3}, found)
    assert (0, {}) == (gone.until_s, dict(found.skipped))
    assert gone.note_day(MONDAY, {"search": 3, "ads": 1}, found)
    assert Gone(None).note_day(MONDAY, {"search": 3}, found)
    assert TUESDAY_S == gone.until_s
    assert {"sums: of this day rows were removed by retention": 2} == dict(found.skipped)


def test_the_newest_day_that_is_gone_counts() -> None:
    """Balances that begin later are whole."""
    found = Findings()
    gone = Gone(None)
    gone.note_folded(TUESDAY, found)
    gone.note_folded(MONDAY, found)

    assert TUESDAY_S + 86_400 == gone.until_s
    assert {"rows: of this day all were removed by retention, its sums are kept": 2} == dict(found.skipped)
