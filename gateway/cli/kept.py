"""How does `tollway check` show how long a team's exchanges are kept?"""

from typing import Any

from gateway.cli.options import counted
from gateway.policies.retention import Keep


def kept_json(keep: Keep) -> dict[str, Any]:
    """Shape it for scripts, as the settings are called; None: for good."""
    return {"retention_days": keep.rows_days, "body_retention_days": keep.bodies_days}


def kept_text(keep: Keep) -> str:
    """Say it in words."""
    rows, bodies = keep.rows_days, keep.bodies_days
    if bodies is None or (rows is not None and bodies >= rows):
        return f"everything {_long(rows)}"
    return f"bodies {_long(bodies)}, the rest {_long(rows)}"


def _long(days: int | None) -> str:
    return "for good" if days is None else f"for {counted(days, 'day')}"
