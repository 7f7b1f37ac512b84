"""How a process becomes ready: rights first, then evaluators, and what each of them may read."""

from pathlib import Path

import msgspec

from gateway.evaluation.greeting import confining_of, greet, loading_of
from gateway.policies.evaluating import Plugin
from tests.evaluation.lanes import linux, plugin


def test_process_may_read_the_files_that_are_named() -> None:
    """The plugin's own, and those of its parameters, wherever they stand in them; nothing that those may not name."""
    named = ("evaluation/one.txt", "evaluation/two.json", "config.toml", "evaluation/../secret", "evaluation/\0")
    params = {"rubric": {"file": named[0]}, "more": [{"file": name} for name in named[1:]], "text": "evaluation/no.md"}
    mine = Plugin(
        name="a", use="file:/plugins/mine.py:Mine", params=msgspec.json.encode(params).decode(), root="/etc/t"
    )
    confining = confining_of([mine, Plugin(name="b", use="json_valid")], "/own")

    assert ["/plugins/mine.py", "/etc/t/evaluation/one.txt", "/etc/t/evaluation/two.json"] == confining.readable
    assert ("/own", False) == (confining.folder, confining.network)


def test_operators_limits_go_along() -> None:
    """The largest memory and any leave for the network hold for the process; each evaluator has its own limits."""
    one, two = Plugin(name="a", use="x", memory_mb=900, network=True), Plugin(name="b", use="y", wall_s=3.0, judge="m")
    confining = confining_of([one, two], "/own")

    assert (900, True) == (confining.memory_mb, confining.network)
    assert (True, 900, False) == (loading_of(one).network, loading_of(one).memory_mb, loading_of(one).judged)
    assert (3.0, True) == (loading_of(two).wall_s, loading_of(two).judged)


@linux
async def test_who_hangs_while_it_is_loaded_is_left_out(tmp_path: Path) -> None:
    """In its place stands a problem, and the others get a process without it."""
    (tmp_path / "hangs.py").write_text("while True:\n    pass\n")
    hangs = Plugin(name="hangs", use=f"file:{tmp_path / 'hangs.py'}:Never")
    greeting = await greet([hangs, plugin("good")], patience_s=3.0)

    assert greeting.process is not None
    await greeting.process.end(at_once=True)
    assert "timeout" in (greeting.loaded["hangs"].problem or "")
    assert greeting.loaded["good"].problem is None


@linux
async def test_limits_that_are_told_are_those_that_hold() -> None:
    """The operator's instead of the plugin's."""
    greeting = await greet([plugin("good", wall_s=2.5, memory_mb=99)])

    assert greeting.process is not None
    await greeting.process.end(at_once=False)
    assert (2.5, 99, 5.0) == tuple(getattr(greeting.loaded["good"], name) for name in ("wall_s", "memory_mb", "cpu_s"))
