"""The keys of the judges."""

from hashlib import sha256

from gateway.app.judge_keys import JudgeKeys


def test_key_stays_as_long_as_the_supervisor() -> None:
    """A reload gives new evaluators a key, and leaves the others theirs."""
    keys = JudgeKeys()
    before = keys.of(["a"])
    after = keys.of(["a", "b"])

    assert before["a"] == after["a"] != after["b"]
    assert {"a": sha256(before["a"].encode()).hexdigest()} == keys.digests(["a"])


def test_keys_of_two_gateways_differ() -> None:
    """They are made by chance."""
    assert JudgeKeys().of(["a"]) != JudgeKeys().of(["a"])
