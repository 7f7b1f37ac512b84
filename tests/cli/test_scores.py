"""Evaluations are shown beside exchanges and one by one, failures with their reason."""

from pathlib import Path

from gateway.cli.scores import scores_text
from gateway.core.score import Score
from tests.cli.commands import run, store
from tests.records import new_id, record
from tests.scores import evaluation, feedback


def test_a_cell_says_what_matters() -> None:
    """What fails, what could not be judged, what says neither, and how many pass; hostile words are harmless."""
    one = new_id()
    judged = [
        evaluation(one),
        evaluation(one, "helpful", scores=[Score(name="helpful", type="numeric", value=0.123456, passing=False)]),
        feedback(one, value="\x1b[31mgood"),
        evaluation(one, "slow", result="error", scores=[]),
    ]
    cell = scores_text(judged)

    assert "helpful 0.1235, slow failed, thumb \\x1b[31mgood, 1 pass" == str(cell)
    assert scores_text([]) is None


def test_logs_show_and_explain(tmp_path: Path) -> None:
    """The log with --scores, by --score; one exchange always."""
    one, other = record(session="s1"), record()
    judged = [
        evaluation(one.id),
        evaluation(one.id, "slow", result="error", reason="timeout", detail="Traceback\nTimeoutError: 5 s", scores=[]),
        feedback(one.id, value=False),
        feedback(new_id(), "done", "outcome", target_type="conversation", target="s1"),
    ]
    store(tmp_path, [one, other], judged)
    log = run(tmp_path, "logs", "--scores").text
    found = run(tmp_path, "logs", "--score", "thumb:fail", "--json", "--scores").lines

    assert "thumb no, slow failed, 1 pass" in log
    assert [(one.id, 3)] == [(line["id"], len(line["evaluations"])) for line in found]
    for command in (("logs", "show"), ("explain",)):
        text = run(tmp_path, *command, one.id).text
        assert "timeout: TimeoutError: 5 s" in text
        assert "outcome (session)" in text
        [whole] = run(tmp_path, *command, one.id, "--json").lines
        assert 4 == len(whole["evaluations"])
    assert 2 == run(tmp_path, "logs", "--score", "thumb").code
    assert 2 == run(tmp_path, "logs", "--scores", "--follow").code
