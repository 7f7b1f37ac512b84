"""What in a text of somebody else gives orders to a model? Families of signs, each with its pattern and weight."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway_plugins._patterns import Pattern, compiled

WEIGHTS: Final = {
    "override": 0.5,
    "tokens": 0.4,
    "invisible": 0.5,
    "imperative": 0.4,
    "exfiltration": 0.5,
    "encoded": 0.3,
}
_NEAR_CHARS: Final = 200
_MOST_ENCODED: Final = 20
_FEWEST_ZERO_WIDTH: Final = 5


class Sign(NamedTuple):
    """A sign in a text, and where it begins."""

    family: str
    start: int


_OVERRIDE: Final = compiled(
    r"\b(?:ignore|disregard|forget|override|bypass|do not follow)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|"
    r"preceding|"
    r"foregoing|all|your|system)\b[^.\n]{0,30}\b(?:instructions?|prompts?|rules|directions|guidelines|commands|"
    r"context)\b|"
    r"\b(?:ignorier\w*|vergiss|missachte)\b[^.\n]{0,40}\b(?:vorherigen?|bisherigen?|obigen?|alle)\b[^.\n]{0,30}"
    r"(?:anweisung|instruktion|regel|vorgabe)|"
    r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.\n]{0,40}\b(?:instructions|consignes|règles)\b[^.\n]{0,30}"
    r"(?:précédent|ci-dessus|antérieur)|"
    r"\b(?:ignora|ignore|olvida|descarta)\b[^.\n]{0,40}(?:instrucciones|indicaciones|reglas)[^.\n]{0,30}(?:anterior|"
    r"previa)|"
    r"\b(?:ignora|dimentica)\b[^.\n]{0,40}(?:istruzioni|regole)[^.\n]{0,30}(?:precedent|sopra)|"
    r"\b(?:ignore|esqueça|desconsidere)\b[^.\n]{0,40}(?:instruções|regras)[^.\n]{0,30}(?:anterior|acima)|"
    r"(?:игнорируй|проигнорируй|забудь)(?:те)?[^.\n]{0,40}(?:инструкци|указани|правил)|"
    r"(?:忽略|无视|無視|忘记|忘記)[^。\n]{0,20}(?:指令|指示|说明|說明|规则|規則|提示)|"
    r"(?:指示|命令|ルール)[^。\n]{0,10}(?:無視|忘れ)|(?:지시|명령|규칙)[^.\n]{0,10}(?:무시|잊)",
    ignore_case=True,
)
_TOKENS: Final = compiled(
    r"<\|(?:im_start|im_end|im_sep|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id)\|>|"
    r"\[/?INST\]|<</?SYS>>|</?(?:start|end)_of_turn>|(?m:^\s{0,8}(?i:system)\s{0,2}:)"
)
_IMPERATIVE: Final = compiled(
    r"\b(?:assistant|AI|agent|language model|LLM|chatbot|copilot|claude|chatgpt|gemini)\b[^.\n]{0,40}"
    r"\b(?:must|should|needs? to|have to|has to|please|now|immediately|call|use|run|execute|invoke|send|forward|"
    r"delete)\b",
    ignore_case=True,
)
# A link or picture whose address is made of what the model knows: a place to fill in, or a parameter that says so.
_EXFILTRATION: Final = compiled(
    r"!?\[[^\]\n]{0,200}\]\(\s*https?://[^)\s]{1,300}[?&][^)\s]{0,200}"
    r"(?:[{<\[$%]{1,2}[A-Za-z_ ]{2,40}[}>\]]?|\b(?:data|secret|context|history|prompt|conversation|exfil|leak|"
    r"summary)=)",
    ignore_case=True,
)
_ENCODED: Final = compiled(r"[A-Za-z0-9+/_-]{40,}={0,2}")
_TAGS: Final = re.compile("[\U000e0000-\U000e007f]")
_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{2,8}\U000e007f")
_BIDI: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Persian, Hindi and emoji join letters by U+200C and U+200D; between Latin letters they join nothing.
_ZERO_WIDTH: Final = re.compile("[\u200b\u2060\ufeff]|(?<=[\x00-\x7f])[\u200c\u200d]")


def signs(text: str, tools: Sequence[str]) -> list[Sign]:
    """Return the first sign of each family. `tools`: names of tools that an order may want to be called."""
    plain = _plain_signs(text, tools)
    encoded = _encoded(text, tools)
    return plain if encoded is None else [*plain, Sign("encoded", encoded)]


def _plain_signs(text: str, tools: Sequence[str]) -> list[Sign]:
    found = {
        "override": _first(_OVERRIDE, text),
        "tokens": _first(_TOKENS, text),
        "invisible": _invisible(text),
        "imperative": _imperative(text, tools),
        "exfiltration": _first(_EXFILTRATION, text),
    }
    return [Sign(family, start) for family, start in found.items() if start is not None]


def _first(pattern: Pattern | re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return None if match is None else match.start()


def _invisible(text: str) -> int | None:
    """Find letters that nobody sees. Flags of England and others are made of tag letters by right."""
    tag = _TAGS.search(_FLAG.sub(lambda flag: " " * len(flag.group()), text))
    bidi = _BIDI.search(text)
    zero_width = [match.start() for match in _ZERO_WIDTH.finditer(text)]
    starts = [match.start() for match in (tag, bidi) if match is not None]
    if len(zero_width) >= _FEWEST_ZERO_WIDTH:
        starts.append(zero_width[0])
    return min(starts, default=None)


def _imperative(text: str, tools: Sequence[str]) -> int | None:
    for match in _IMPERATIVE.finditer(text):
        start, end = match.span()
        if any(name in text[start : end + _NEAR_CHARS] for name in tools):
            return int(start)
    return None


def _encoded(text: str, tools: Sequence[str]) -> int | None:
    for number, match in enumerate(_ENCODED.finditer(text)):
        if number == _MOST_ENCODED:
            return None
        if any(_plain_signs(decoded, tools) for decoded in _decoded(match.group())):
            return int(match.start())
    return None


def _decoded(run: str) -> list[str]:
    """Decode base64 or hexadecimal digits to text, where they are such."""
    coded = run.rstrip("=").replace("-", "+").replace("_", "/")
    found = []
    for decode in (bytes.fromhex, lambda each: base64.b64decode(each + "=" * (-len(each) % 4), validate=True)):
        try:
            found.append(decode(coded).decode())
        except (ValueError, binascii.Error):
            continue
    return found
