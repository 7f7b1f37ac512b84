"""How much can a model read and write at most? What config says, else our own table, else the public price list.

The table holds what no price list has, pictures as patches times the largest multiplier of a family, and windows that
the price list gives too small. In November 2026 it was checked against the documentation of Anthropic, OpenAI, Google,
xAI and DeepSeek and the model lists of LiteLLM, models.dev and Vercel; where they differ the larger figure stands.
Not checked again: models that were withdrawn by then, and pictures of others than OpenAI's families from gpt-5.4 on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.policies.patterns import Patterns
from gateway.policies.price_table import bundled
from gateway.policies.routing import Provider

CACHED_MOST: Final = 4096  # model names are the callers' to invent


@dataclass(frozen=True, slots=True)
class Facts:
    """What bounds a model's answers. None: not known.

    `strict_ceiling_nano_usd`: what the operator vouches that one request costs at most, where nothing else bounds it.
    `thinks_beyond`: what it thinks is not held to the maximum that is asked for. `unbounded`: why nothing bounds it.
    """

    max_output_tokens: int | None = None
    context_window: int | None = None
    max_image_tokens: int | None = None
    strict_ceiling_nano_usd: int | None = None
    thinks_beyond: bool = False
    unbounded: str = ""


def _rows(text: str) -> list[tuple[Patterns, Facts]]:
    """Read rows of `patterns | output | window | picture`; a dash: not known."""
    rows = []
    for line in text.strip().splitlines():
        patterns, *numbers = line.split("|")
        output, window, picture = (None if cell.strip() == "-" else int(cell.strip()) for cell in numbers)
        rows.append((Patterns(patterns.split()), Facts(output, window, picture)))
    return rows


_SEARCHES: Final = Facts(unbounded="it searches on its own, as often as it likes")
# The first row that matches counts, so that exceptions stand before their families.
_TABLE: Final = [
    (Patterns(["*search-preview*", "*-search-api*", "*deep-research*", "sonar*", "compound*"]), _SEARCHES),
    (Patterns(["auto", "*-multi-agent*"]), Facts(unbounded="it calls other models")),
    (Patterns(["grok-2*"]), Facts(context_window=131_072, thinks_beyond=True)),
    (Patterns(["grok-*"]), Facts(thinks_beyond=True)),
    *_rows(
        """
        claude-3-7-*                                    | 128000 | -       | 4784
        claude-3-5-*                                    | 8192   | -       | 4784
        claude-3-*                                      | 4096   | -       | 4784
        claude-opus-4-0* claude-opus-4-1* claude-opus-4-20* | 32000 | -    | 4784
        claude-sonnet-4-0* claude-sonnet-4-20* claude-sonnet-4-5* | 64000 | 1050000 | 4784
        claude-*-4-5*                                   | 64000  | -       | 4784
        claude-sonnet-4 claude-sonnet-4.5* claude-4-sonnet* claude-4.5-sonnet* | 128000 | 1050000 | 4784
        claude-*                                        | 128000 | -       | 4784
        chatgpt-image* gpt-image*                       | -      | -       | -
        gpt-5-pro*                                      | 272000 | -       | 3800
        gpt-5.6* gpt-6*                                 | 128000 | -       | 75000
        gpt-5.4* gpt-5.5*                               | 128000 | 1102500 | 25000
        gpt-5*                                          | 128000 | -       | 3800
        gpt-4.1*                                        | 32768  | -       | 3800
        gpt-4.5*                                        | 16384  | -       | 3800
        gpt-4o-mini*                                    | 16384  | -       | 48169
        gpt-4o:extended* gpt-4o-64k*                    | 65536  | -       | 3800
        gpt-4o* chatgpt-*                               | 16384  | -       | 3800
        gpt-4-turbo* gpt-4-1106* gpt-4-0125* gpt-4-vision* | 4096 | -      | 3800
        gpt-4-32k*                                      | 32768  | -       | -
        gpt-4 gpt-4-0*                                  | 8192   | -       | -
        gpt-3.5-turbo-16k*                              | 16385  | -       | -
        gpt-3.5-turbo*                                  | 4096   | -       | -
        o1-mini*                                        | 65536  | -       | 3800
        o1-preview*                                     | 32768  | -       | 3800
        o1* o3* o4-mini* codex-mini*                    | 100000 | -       | 3800
        gpt-oss-*                                       | 131072 | 131072  | -
        gemini-2.0-*thinking*                           | 65536  | -       | -
        gemini-1.5-pro* gemini-2.0-pro*                 | 8192   | 2097152 | -
        gemini-1.5-* gemini-2.0-*                       | 8192   | -       | -
        gemini-2.5-*                                    | 65536  | 1048576 | -
        gemini-3*                                       | 65536  | 1048576 | 2240
        gemini-4*                                       | 1048576 | 1048576 | -
        deepseek-chat deepseek-reasoner                 | -      | 1048576 | -
        llama-3.3-70b-* llama-3.1-8b-*                  | 131072 | 131072  | -
        """
    ),
]


class FactBook:
    """The facts of one snapshot. `overrides`: config's, by the model's name or a pattern of names."""

    __slots__ = ("_cache", "_overrides")

    def __init__(self, overrides: Mapping[str, Facts] | None = None) -> None:
        exact_first = sorted((overrides or {}).items(), key=lambda item: not Patterns([item[0]]).exact())
        self._overrides = [(Patterns([name]), facts) for name, facts in exact_first]
        self._cache: dict[tuple[str, tuple[str, ...]], Facts] = {}

    def facts(self, provider: Provider, models: tuple[str, ...]) -> Facts:
        """Gather what is known of a model. `models`: every name that it goes by, the provider's own last."""
        key = (provider.name, models)
        facts = self._cache.get(key)
        if facts is None:
            if len(self._cache) >= CACHED_MOST:
                self._cache.clear()
            facts = self._cache[key] = self._gather(provider, models)
        return facts

    def _gather(self, provider: Provider, models: tuple[str, ...]) -> Facts:
        own = _known(models[-1])
        said = [facts for patterns, facts in self._overrides if any(map(patterns.matches, reversed(models)))]
        known = [*said, own, Facts(context_window=_listed_window(provider, models[-1]))]
        return Facts(
            max_output_tokens=_first([facts.max_output_tokens for facts in known]),
            context_window=_first([facts.context_window for facts in known]),
            max_image_tokens=_first([facts.max_image_tokens for facts in known]),
            strict_ceiling_nano_usd=_first([facts.strict_ceiling_nano_usd for facts in known]),
            # Whoever says how much it writes at most vouches for what it thinks as well.
            thinks_beyond=own.thinks_beyond and all(facts.max_output_tokens is None for facts in said),
            unbounded=own.unbounded,
        )


def _known(model: str) -> Facts:
    """Look a model up in our table: under its whole name, else under what stands behind the maker's."""
    for name in dict.fromkeys((model.lower(), model.lower().rpartition("/")[2])):
        for patterns, facts in _TABLE:
            if patterns.matches(name):
                return facts
    return Facts()


def _listed_window(provider: Provider, model: str) -> int | None:
    """Return the price list's window. It is rounded down where binary figures were meant: 1M for 1,048,576."""
    window = bundled().context_window(provider.name, provider.base_url, model)
    return None if window is None else -(-window * 21 // 20)


def _first(values: Sequence[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)
