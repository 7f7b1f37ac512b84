"""What is written as YAML is read as what it was."""

from pathlib import Path

import pytest

from deploy.source.yaml import dumped
from tests.deploy.tools import promtool


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "plain text"}, "a: plain text\n"),
        ({"a": "5m"}, 'a: "5m"\n'),
        ({"a": "on"}, 'a: "on"\n'),
        ({"a": "x: y"}, 'a: "x: y"\n'),
        ({"a": "x # y"}, 'a: "x # y"\n'),
        ({"a": 'up{job="x"}'}, "a: 'up{job=\"x\"}'\n"),
        ({"a": """it's "x\""""}, "a: 'it''s \"x\"'\n"),
        ({"a": "one\n  two"}, "a: |-\n  one\n    two\n"),
        ({"a": [{"b": 1, "c": True}, "d"]}, "a:\n  - b: 1\n    c: true\n  - d\n"),
        ({"a": [], "b": {}}, "a: []\nb: {}\n"),
        ([1], "- 1\n"),
    ],
)
def test_values_are_written_as_what_they_are(value: object, text: str) -> None:
    """Text that YAML would take for something else is quoted, and nothing else is."""
    assert text == dumped(value)


def test_comment_stands_above() -> None:
    """Each of its lines is a comment."""
    assert "# a\n#\n# b\nc: 1\n" == dumped({"c": 1}, "a\n\nb")


def test_prometheus_reads_it_back(tmp_path: Path) -> None:
    """A reader of YAML that is not ours agrees: quotes, escapes and blocks of a rule come out as they went in."""
    expr = 'label_replace(up, "a", "it\'s", "b", "c\\\\d: #") == 1\nor\n  up == 0'
    tests = {
        "rule_files": ["rules.yml"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": "up", "values": "0x5"}],
                "alert_rule_test": [
                    {
                        "eval_time": "3m",
                        "alertname": "A",
                        "exp_alerts": [{"exp_annotations": {"text": 'yes: "quoted", it\'s\n\n  far'}}],
                    }
                ],
            }
        ],
    }
    rule = {"alert": "A", "expr": expr, "annotations": {"text": 'yes: "quoted", it\'s\n\n  far'}}
    (tmp_path / "rules.yml").write_text(dumped({"groups": [{"name": "g", "rules": [rule]}]}))
    (tmp_path / "tests.yml").write_text(dumped(tests))

    promtool("test", "rules", str(tmp_path / "tests.yml"))
