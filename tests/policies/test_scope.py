"""What a scope covers, what a balance is parted by, and that neither grows with what callers invent."""

from dataclasses import dataclass
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policies import scope
from gateway.policies.patterns import Patterns
from gateway.policies.scope import ANYTHING, Caller, Finder, Scope, Seen, part_name, shared_name, values

ANN = Caller("search", "ci", "ann", "s1")


@dataclass(frozen=True)
class Rule:
    """Something with a scope."""

    name: str
    scope: Scope = ANYTHING


def patterns(*texts: str) -> Patterns:
    """Compile some patterns."""
    return Patterns(texts)


def names(rules: tuple[Rule, ...]) -> list[str]:
    """Name the rules that were found."""
    return [rule.name for rule in rules]


@pytest.mark.parametrize(
    ("covering", "covered"),
    [
        (Scope(), True),
        (Scope(team=patterns("search")), True),
        (Scope(team=patterns("search*", "x")), True),
        (Scope(team=patterns("ads")), False),
        (Scope(key=patterns("ci")), True),
        (Scope(key=patterns("dev")), False),
        (Scope(model=patterns("gpt-4*")), True),
        (Scope(model=patterns("fast")), True),
        (Scope(model=patterns("claude-*")), False),
        (Scope(provider=patterns("openai")), True),
        (Scope(provider=patterns("groq")), False),
        (Scope(team=patterns("search"), model=patterns("claude-*")), False),
    ],
)
def test_all_of_a_scope_must_match_and_one_name_of_the_model_is_enough(covering: Scope, covered: bool) -> None:
    """A model asked for through a route is covered by either name, so that no name leads around a budget."""
    assert covered is covering.covers("search", "ci", ("fast", "gpt-4o"), "openai")


def test_who_claims_nobody_is_the_empty_one() -> None:
    """To leave a header out leads around no budget that is for everybody, and into none that is for somebody."""
    anyone, ann = Scope(user=patterns("*")), Scope(user=patterns("ann"))

    assert anyone.covers_person(None, None)
    assert anyone.covers_person("ann", None)
    assert not ann.covers_person(None, None)
    assert Scope(session=patterns("s*")).covers_person(None, "s1")


def test_a_finder_keeps_the_order_of_the_files() -> None:
    """Personal scopes are looked at for each request, the others once for a key and a model."""
    finder = Finder(
        [
            Rule("all"),
            Rule("ann", Scope(user=patterns("ann"))),
            Rule("claude", Scope(model=patterns("claude-*"))),
            Rule("openai", Scope(provider=patterns("openai"))),
        ]
    )

    for _ in range(2):
        assert ["all", "ann", "openai"] == names(finder.applying(ANN, ("gpt-4o",), "openai"))
        assert ["all", "openai"] == names(finder.applying(ANN._replace(user="bob"), ("gpt-4o",), "openai"))
        assert ["all", "claude"] == names(finder.applying(Caller("search", "ci"), ("claude-9",), "anthropic"))


def test_a_finder_is_bounded() -> None:
    """Model names are invented; what was found for them does not pile up, and stays right when it turns over."""
    finder = Finder([Rule("gpt", Scope(model=patterns("gpt-*")))])
    for number in range(scope.CACHED_MOST + 10):
        assert ["gpt"] == names(finder.applying(ANN, (f"gpt-{number}",), "openai"))

    assert len(finder._found) <= scope.CACHED_MOST


def test_without_personal_scopes_the_same_answer_is_given_again() -> None:
    """One look-up and nothing made: that is what most requests pay."""
    finder = Finder([Rule("all"), Rule("openai", Scope(provider=patterns("openai")))])

    first = finder.applying(ANN, ("gpt-4o",), "openai")

    assert first is finder.applying(ANN._replace(user="bob"), ("gpt-4o",), "openai")


def test_values_of_every_dimension() -> None:
    """In the order of `per`; what is not claimed is empty."""
    per = ("session", "model", "team", "key", "provider", "user")

    assert ("s1", "gpt-4o", "search", "ci", "openai", "ann") == values(per, ANN, "gpt-4o", "openai")
    assert ("", "") == values(("user", "session"), Caller("search", "ci"), "gpt-4o", "openai")


def test_part_names_are_readable_and_safe() -> None:
    """Whatever a caller claims, it stays one value: no sign of it is one of the name's own."""
    assert "" == part_name((), ())
    assert "?user=ann" == part_name(("user",), ("ann",))
    assert "?user=a%26b%3D%23%2A%3F%2F&model=gpt-4o" == part_name(("user", "model"), ("a&b=#*?/", "gpt-4o"))
    assert "?user=*&model=*" == shared_name(("user", "model"))


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_values_have_two_names(one: str, other: str) -> None:
    """Names are bounded, stand for one value each, and are never the shared one's."""
    first, second = part_name(("user",), (one,)), part_name(("user",), (other,))

    assert (first == second) is (one == other)
    assert len(first) <= len("?user=") + 200
    assert first != shared_name(("user",))
    assert first.isascii()
    if "~" not in first:
        assert one == unquote(first.removeprefix("?user="))


def test_a_long_value_is_cut_between_signs() -> None:
    """Half of an escape would be another sign."""
    for lead in range(3):
        name = part_name(("user",), ("x" * lead + "é" * 200,))

        head = name.removeprefix("?user=").partition("~")[0]
        assert "x" * lead + "é" in unquote(head)
        assert "%" not in unquote(head)


def test_only_so_many_have_a_balance_of_their_own() -> None:
    """Those that came first keep theirs; a new window begins anew."""
    seen = Seen(2)
    per = ("user",)

    first = [seen.name(per, (user,), 0) for user in ("ann", "bob", "eve", "ann")]
    again = [seen.name(per, (user,), 86_400) for user in ("eve", "ann", "bob")]

    assert ["?user=ann", "?user=bob", "?user=*", "?user=ann"] == first
    assert ["?user=eve", "?user=ann", "?user=*"] == again
