"""The tables are those that the documents explain."""

import re
from pathlib import Path

from gateway.evaluation import queue_schema as schema

DOCUMENT = Path(__file__).parents[2] / "docs" / "evaluation.md"


def test_every_table_is_documented() -> None:
    """Whoever opens the file by hand finds what each is for; and the version is the one that is written."""
    tables = re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", schema.TABLES)

    assert "tasks" in tables
    assert [] == [name for name in tables if f"`{name}`" not in DOCUMENT.read_text()]
    assert f"'schema_version', '{schema.VERSION}'" in schema.TABLES
