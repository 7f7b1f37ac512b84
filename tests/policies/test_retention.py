"""What is due of a day follows from each team's own days, whole days at a time."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.policies.retention import Due, Keep, Retention, Teams

DAYS = st.none() | st.integers(1, 5)
KEEP = st.builds(Keep, DAYS, DAYS)
NAMES = st.sampled_from(["a", "b", "c", "unknown"])


@given(KEEP, st.dictionaries(NAMES, KEEP), NAMES, st.integers(-1, 7))
def test_a_team_is_due_exactly_when_its_own_days_are_over(
    company: Keep, teams: dict[str, Keep], team: str, age: int
) -> None:
    """However teams and company are combined, what is due says of each team what its own setting says."""
    keep = teams.get(team, company)
    due = Retention(company, teams).due(age)

    assert (keep.rows_days is not None and age > keep.rows_days) == (team in due.rows)
    assert (keep.bodies_days is not None and age > keep.bodies_days) == (team in due.bodies)


def test_what_is_kept_for_a_day_is_kept_all_of_the_next_day() -> None:
    """A day has exchanges of its last minute, and these are kept as long as is said, too."""
    retention = Retention(Keep(rows_days=1))

    assert [False, False, True] == ["any" in retention.due(age).rows for age in (0, 1, 2)]


def test_without_settings_everything_stays() -> None:
    """Nothing is ever removed that nobody asked to be removed."""
    due = Retention().due(100_000)

    assert Due() == due
    assert due.is_nothing


def test_everybody_and_nobody_are_known_as_such() -> None:
    """A day of which everything is due need not be gone through row by row."""
    assert Retention(Keep(1)).due(9).rows.is_everybody
    assert not Retention(Keep(1), {"a": Keep()}).due(9).rows.is_everybody
    assert Retention(Keep(), {"a": Keep(9)}).due(5).rows.is_nobody
    assert Teams(("a",), others=True) == Retention(Keep(1), {"a": Keep()}).due(9).rows


def test_the_shortest_time_of_anybody_is_known() -> None:
    """Of bodies, which go with their rows at the latest; None where everything stays."""
    assert None is Retention(Keep(), {"a": Keep()}).shortest_days
    assert [7, 3, 2] == [
        Retention(Keep(7, 9)).shortest_days,
        Retention(Keep(), {"a": Keep(30, 3), "b": Keep(8)}).shortest_days,
        Retention(Keep(bodies_days=2), {"a": Keep(30, 3)}).shortest_days,
    ]
