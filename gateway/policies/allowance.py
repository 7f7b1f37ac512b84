"""May somebody do this once more now? A token bucket for each name, of which only the last used are remembered."""

from collections.abc import Hashable

MOST_NAMES = 10_000


class Allowance:
    """`burst` at once, and `per_s` a second from then on. A name that was forgotten begins anew."""

    def __init__(self, per_s: float, burst: int, most_names: int = MOST_NAMES) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most_names = most_names
        self._left: dict[Hashable, tuple[float, float]] = {}  # name -> what was left, when; the last used at the end

    def take(self, name: Hashable, at_s: float) -> float:
        """Take one, and return 0; or take none, and return in how many seconds there is one. `at_s`: monotonic."""
        left, since_s = self._left.pop(name, (float(self._burst), at_s))
        left = min(self._burst, left + (at_s - since_s) * self._per_s)
        is_there = left >= 1
        self._left[name] = (left - is_there, at_s)
        if len(self._left) > self._most_names:
            del self._left[next(iter(self._left))]
        return 0.0 if is_there else (1 - left) / self._per_s
