"""How far off are the estimates? Measured on recorded exchanges, whose providers told what was used.

    python -m bench.estimates [FOLDER] [--without PROVIDER] [--markdown]

For each recorded exchange the meter is asked for an estimate, as if no usage had come, and its estimate is divided by
what the provider told: apart for input and output, by dialect and by what is in the exchange. Streams are also cut
after a share of their bytes. What they had cost by then nobody told: it is taken to be the same share of what the
provider told as of the text in all their deltas; so those with reasoning that was not shown are left out.
"""

import argparse
import gzip
import json
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateway.core.usage import Usage
from gateway.wire import paths
from gateway.wire.dialect import DIALECTS
from gateway.wire.meter import Meter
from gateway.wire.weight import text_bytes

FOLDER = Path(__file__).parents[2] / "shared" / "exchanges"
TEXT_ENDPOINTS = frozenset({"chat", "text_completion", "responses", "messages", "generate_content"})
CUTS = (10, 25, 50, 75, 90)
SHORT_TOKENS = 100  # of a stream that is not worth cutting

# The first that is found in a request's, or an answer's, JSON names its row.
ASKED = (
    ("unseen history or tools", r'"(?:previous_response_id|conversation|cachedContent|context_management|plugins)":|'
     r'web_?search|file_?search|google_?search|code_?interpreter|code_?execution|computer|"mcp|url_?context|web_?fetch'
     r"|image_generation|compound|tool_search|compact|:online"),
    ("files", r"[A-Za-z0-9+/_-]{2000}|image_url|input_image|input_file|fileData|input_audio|document_url|file_id|"
     r'"source":|video_url'),
    ("not only ASCII", r"[^\x00-\x7f]"),
    ("tools", r'"(?:tools|functions)":\[?\{'),
    ("schema", r"json_schema|[rR]esponse_?(?:Json)?_?[sS]chema|output_config|output_format"),
)  # fmt: skip
SAID = (
    ("server's tools", r"_tool_result|_search_call|code_interpreter_call|mcp_call|mcp_list|executed_tools|[gG]rounding|"
     r"codeExecutionResult|toolResponse|url_citation|compaction|image_generation|inlineData"),
    ("sealed reasoning", r'"(?:encrypted_content|thoughtSignature|signature|data)": ?"[^"]{100}'),
    ("shown reasoning", r'"(?:reasoning(?:_content)?|thinking)": ?"[^"]|"thinking": ?\[|reasoning_text|summary_text|'
     r'"thought": ?true'),
    ("calls", r'"(?:tool_calls|functionCall)": ?[\[{]|"type": ?"(?:function_call|tool_use)"'),
    ("not only ASCII", r"[^\x00-\x7f]"),
)  # fmt: skip
WORDS = frozenset(
    {"content", "text", "refusal", "reasoning", "reasoning_content", "thinking", "partial_json", "arguments", "delta"}
)


class Exchange(NamedTuple):
    """One recorded exchange, with what its provider told."""

    dialect: str
    provider: str
    streamed: bool
    asked: bytes
    said: bytes
    told: Usage
    path: str
    method: str

    def meter(self) -> Meter:
        """Make the meter that it gets in the gateway."""
        place = paths.under_provider(self.dialect, self.method, self.path)
        return DIALECTS[self.dialect].new_meter(place.endpoint, streamed=self.streamed, strip_usage=False)

    def estimate(self, said: bytes) -> Usage:
        """Estimate from the request and so much of the answer."""
        meter = self.meter()
        meter.feed(said)
        return meter.estimate(text_bytes(len(self.asked), self.asked, "application/json"))

    @property
    def hidden_tokens(self) -> int:
        """How much reasoning nobody can see."""
        shown = kind_of(self.said, SAID) in ("shown reasoning",)
        return 0 if shown else self.told.output_reasoning


class Row(NamedTuple):
    """One row of a table: estimate and truth of each exchange in it."""

    pairs: list[tuple[float, float]]

    def cells(self) -> list[str]:
        """Write number, median, tenth and ninetieth percentile of the ratios, and the ratio of the sums."""
        ratios = sorted(guess / max(told, 1) for guess, told in self.pairs)
        tenth = [ratios[min(len(ratios) - 1, int(len(ratios) * share))] for share in (0.1, 0.9)]
        total = sum(guess for guess, _ in self.pairs) / max(1, sum(told for _, told in self.pairs))
        return [str(len(ratios)), *(f"{value:.2f}" for value in (statistics.median(ratios), *tenth, total))]


HEADINGS = ["n", "median", "p10", "p90", "of all tokens"]


def load(folder: Path) -> Iterator[Exchange]:
    """Read the exchanges in which text was written, and paid for."""
    for file in sorted(folder.glob("*.jsonl.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            recorded = json.loads(line)
            provider = recorded["provider"]
            dialect = provider if provider in ("anthropic", "gemini") else "openai"
            answer = recorded["response"]
            said = answer.encode() if recorded["response_kind"] == "text" else compact(answer)
            one = Exchange(dialect, provider, recorded["stream"], compact(recorded["request"]), said, Usage(),
                           recorded["path"].partition("?")[0], recorded["method"])  # fmt: skip
            if paths.under_provider(dialect, one.method, one.path).endpoint.name not in TEXT_ENDPOINTS:
                continue
            meter = one.meter()
            meter.feed(said)
            told = meter.usage()
            if told is not None and told.output_total:
                yield one._replace(told=told)


def compact(document: Any) -> bytes:
    """Write JSON as SDKs do."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def kind_of(body: bytes, kinds: Iterable[tuple[str, str]]) -> str:
    """Name what a body holds."""
    text = body.decode("utf-8", "replace")
    return next((name for name, pattern in kinds if re.search(pattern, text)), "text")


def answer_kind(one: Exchange) -> str:
    """Name what an answer holds."""
    kind = kind_of(one.said, SAID)
    unseen = one.told.output_reasoning and kind in ("text", "calls", "not only ASCII")
    return "hidden reasoning" if unseen else kind


def events(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each event of a stream ends, and how long the text in it is, found the plain way."""
    at = 0
    for event in re.split(rb"(?<=\n\n)|(?<=\r\n\r\n)", body):
        at += len(event)
        data = event.partition(b"data:")[2].strip()
        if data.startswith(b"{"):
            chunk = json.loads(data)
            dones = str(chunk.get("type", ".delta")).startswith("response.") and not chunk["type"].endswith(".delta")
            yield at, 0 if dones else words(chunk)


def words(value: Any) -> int:
    """Return the length of the texts in an event."""
    if isinstance(value, list):
        return sum(map(words, value))
    if not isinstance(value, dict):
        return 0
    own = sum(len(text.encode()) for name, text in value.items() if name in WORDS and isinstance(text, str))
    return own + sum(words(inner) for name, inner in value.items() if name not in ("reasoning_details", "item"))


def cut_pairs(one: Exchange) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield for each cut what is estimated of a stream, and what it is taken to have cost."""
    texts = list(events(one.said))
    whole = sum(size for _, size in texts)
    for cut in CUTS:
        place = len(one.said) * cut // 100
        passed = sum(size for end, size in texts if end <= place)
        if passed:
            yield cut, (one.estimate(one.said[:place]).output_total, one.told.output_total * passed / whole)


def tables(exchanges: list[Exchange]) -> Iterator[tuple[str, dict[tuple[str, ...], Row]]]:
    """Yield the title and the rows of each table."""
    asked: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    said: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    cuts: dict[tuple[str, ...], list[tuple[float, float]]] = defaultdict(list)
    for one in exchanges:
        guess = one.estimate(one.said)
        if one.told.input_total:
            asked[one.dialect, kind_of(one.asked, ASKED)].append((guess.input_total, one.told.input_total))
        kind = answer_kind(one)
        form = "stream" if one.streamed else "whole"
        said[one.dialect, form, kind].append((guess.output_total, one.told.output_total))
        if one.streamed and not one.hidden_tokens and one.told.output_total >= SHORT_TOKENS:
            for cut, pair in cut_pairs(one):
                cuts[one.dialect, f"{cut} %"].append(pair)
    for title, found in (("Input", asked), ("Output", said), ("Output of streams that are cut", cuts)):
        yield title, {names: Row(pairs) for names, pairs in sorted(found.items())}


def write(title: str, rows: dict[tuple[str, ...], Row], *, markdown: bool) -> None:
    """Print one table."""
    names = {2: ["dialect", "what"], 3: ["dialect", "form", "what"]}[len(next(iter(rows)))]
    lines = [names + HEADINGS, *([*key, *row.cells()] for key, row in rows.items())]
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    print(f"\n{title}: estimate / what the provider told\n")
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("| " + " | ".join(cell.strip() for cell in cells) + " |" if markdown else "  ".join(cells))
        if markdown and number == 0:
            print("|---" * len(line) + "|")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--without", action="append", default=[], help="leave a provider out")
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    exchanges = [one for one in load(arguments.folder) if one.provider not in arguments.without]
    if not exchanges:
        raise SystemExit(f"no recorded exchanges in {arguments.folder}: name the folder that has their *.jsonl.gz")
    for title, rows in tables(exchanges):
        write(title, rows, markdown=arguments.markdown)


if __name__ == "__main__":
    main()
