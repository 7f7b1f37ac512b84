"""From what the log keeps of an exchange to what a plugin is given, for every dialect."""

from gateway.evaluation.api import Exchange
from gateway.evaluation.protocol import Kept


def exchange_of(kept: Kept) -> Exchange:
    """Read an exchange; what cannot be understood is left out, and never an error."""
    raise NotImplementedError
