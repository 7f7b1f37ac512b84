"""stub"""


def compare(rounds: int, seconds: float) -> None:
    """Compare."""
