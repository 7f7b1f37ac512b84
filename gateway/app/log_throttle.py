"""Which lines of a flood are written? The first few of a minute; of the others, how many they were."""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, TypeVar

T = TypeVar("T")

WINDOW_S: Final = 60.0
MOST: Final = 10  # lines of one kind in a window
KINDS_MOST: Final = 500  # beyond so many kinds at a time all others are one
_OTHERS: Final = "others"


class Held(NamedTuple, Generic[T]):
    """What was not written: the last of its kind, and how many there were."""

    last: T
    times: int


@dataclass(slots=True)
class _Window(Generic[T]):
    ends_s: float
    written: int = 0
    held: Held[T] | None = None


class Throttle(Generic[T]):
    """Decide line by line; time is an argument."""

    def __init__(self, most: int = MOST, window_s: float = WINDOW_S) -> None:
        self._most = most
        self._window_s = window_s
        self._windows: dict[Hashable, _Window[T]] = {}

    def admits(self, kind: Hashable, line: T, now_s: float) -> bool:
        """Tell whether to write a line now; what is not written is counted. First take what is `over`."""
        if kind not in self._windows and len(self._windows) >= KINDS_MOST:
            kind = _OTHERS
        window = self._windows.get(kind)
        if window is None:
            window = self._windows[kind] = _Window(now_s + self._window_s)
        if window.written < self._most:
            window.written += 1
            return True
        window.held = Held(line, 1 if window.held is None else window.held.times + 1)
        return False

    def over(self, now_s: float) -> Iterator[Held[T]]:
        """Forget windows that have ended, and give what was held back in them."""
        for kind in [kind for kind, window in self._windows.items() if window.ends_s <= now_s]:
            held = self._windows.pop(kind).held
            if held is not None:
                yield held

    @property
    def next_end_s(self) -> float | None:
        """When the first window ends in which something was held back; None: nothing was."""
        return min((window.ends_s for window in self._windows.values() if window.held is not None), default=None)
