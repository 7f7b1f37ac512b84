"""Which parts of a text are secrets or personal details? The built-in kinds: patterns, and checks of what they find.

Every pattern is run by RE2, whose time is linear in the text. What can be proved is proved (a card number's last digit,
an IBAN's remainder), and numbers must be written as people write telephone numbers: ids, times and counts are none.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Final, NamedTuple

Span = tuple[int, int]
Check = Callable[[bytes, int, int], Span | None]  # what of a find in a text is to go; None: it is nothing


class Kind(NamedTuple):
    """One thing to look for in a text: its pattern, and what of a find is meant."""

    name: str
    pattern: bytes
    check: Check | None = None


_WORD: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_BESIDE_NUMBERS: Final = _WORD | frozenset(b"+-")
_DIGITS: Final = frozenset(b"0123456789")


def _digits(text: bytes) -> list[int]:
    return [byte - 48 for byte in text if byte in _DIGITS]


def _has_digit(text: bytes, start: int, end: int) -> Span | None:
    """Words and names of styles (`sk-toggleable__content`) are no secrets: random characters hold a digit."""
    return (start, end) if any(byte in _DIGITS for byte in text[start:end]) else None


def _url_password(text: bytes, start: int, end: int) -> Span | None:
    return text.find(b"://", start) + 3, end - 1


def _url_value(text: bytes, start: int, end: int) -> Span | None:
    return text.find(b"=", start) + 1, end


def _card(text: bytes, start: int, end: int) -> Span | None:
    """Check the last digit (Luhn), which one number in ten passes, and that it is no part of something longer."""
    if not _stands_alone(text, start, end):
        return None
    doubled = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    digits = _digits(text[start:end])[::-1]
    if len(set(digits)) == 1:
        return None
    return (start, end) if (sum(digits[::2]) + sum(doubled[each] for each in digits[1::2])) % 10 == 0 else None


# How long an IBAN of each country is (the SWIFT registry).
_IBANS: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
    "YE30"
)
_IBAN_LENGTHS: Final = {each[:2].encode(): int(each[2:]) for each in _IBANS.split()}


def _iban(text: bytes, start: int, end: int) -> Span | None:
    """Take as many characters as the country's IBANs have, and check that the remainder by 97 is 1."""
    length = _IBAN_LENGTHS.get(text[start : start + 2].upper())
    if length is None:
        return None
    taken = bytearray()
    at = start
    while at < end and len(taken) < length:
        if text[at] in _WORD:
            taken.append(text[at])
        at += 1
    if len(taken) < length or (at < len(text) and text[at] in _WORD):
        return None
    number = int("".join(str(int(chr(each), 36)) for each in taken[4:] + taken[:4]))
    return (start, at) if number % 97 == 1 else None


def _phone(text: bytes, start: int, end: int) -> Span | None:
    """Take 8 to 15 digits (E.164) that are no part of a longer number, id, version or address."""
    if not 8 <= len(_digits(text[start:end])) <= 15:
        return None
    return (start, end) if _stands_alone(text, start, end) else None


def _stands_alone(text: bytes, start: int, end: int) -> bool:
    before = text[start - 1] if start else 32
    behind = text[end] if end < len(text) else 32
    if before in _BESIDE_NUMBERS or behind in _WORD:
        return False
    # 1.4155552671 and 415-555-2671-8 go on; a full stop ends a sentence.
    after_next = text[end + 1] if end + 1 < len(text) else 32
    if behind in b".,-/:" and after_next in _DIGITS:
        return False
    return not (before in b".,/:" and start >= 2 and text[start - 2] in _DIGITS)


def _data(text: bytes, start: int, end: int) -> Span | None:
    """Base64 mixes all its characters; long words, digits and hexadecimal numbers do not."""
    found = text[start:end]
    kinds = (found.isdigit(), found.isalpha(), found == found.lower(), found == found.upper())
    return None if any(kinds) else (start, end)


# By whose they are. Redaction looks for all of them at once.
SECRETS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "sk_key": (rb"\bsk-[A-Za-z0-9_-]{16,}",),  # OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse …
    "tollway": (rb"\btw-[A-Za-z0-9_-]{32,}",),  # our own
    "google": (rb"\bAIza[0-9A-Za-z_-]{35}", rb"\bya29\.[0-9A-Za-z_-]{20,}", rb"\bGOCSPX-[0-9A-Za-z_-]{20,}"),
    "aws": (
        rb"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        rb"(?i:\baws_?secret_?access_?key\b[\"' ]{0,3}[=:][\"' ]{0,3})[A-Za-z0-9/+]{40}",
    ),
    "github": (rb"\bgh[pousr]_[A-Za-z0-9]{36,}", rb"\bgithub_pat_[A-Za-z0-9_]{22,}"),
    "gitlab": (rb"\bglpat-[A-Za-z0-9_-]{20,}",),
    "slack": (
        rb"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}",
        rb"\bxapp-[A-Za-z0-9-]{10,}",
        rb"\b(?:https://)?hooks\.slack\.com/services/[A-Za-z0-9/]{20,}",
    ),
    "stripe": (rb"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}", rb"\bwhsec_[A-Za-z0-9+/]{24,}={0,2}"),
    "huggingface": (rb"\bhf_[A-Za-z0-9]{30,}",),
    "groq": (rb"\bgsk_[A-Za-z0-9]{40,}",),
    "xai": (rb"\bxai-[A-Za-z0-9]{40,}",),
    "perplexity": (rb"\bpplx-[A-Za-z0-9]{40,}",),
    "nvidia": (rb"\bnvapi-[A-Za-z0-9_-]{40,}",),
    "replicate": (rb"\br8_[A-Za-z0-9]{30,}",),
    "tavily": (rb"\btvly-[A-Za-z0-9-]{20,}",),
    "npm": (rb"\bnpm_[A-Za-z0-9]{36}",),
    "pypi": (rb"\bpypi-[A-Za-z0-9_-]{40,}",),
    "sendgrid": (rb"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",),
    "digitalocean": (rb"\bdop_v1_[a-f0-9]{40,}",),
    "jwt": (rb"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",),
    "http_auth": (rb"(?i:\bbearer) {1,4}[A-Za-z0-9._~+/-]{16,}=*", rb"(?i:\bbasic) {1,4}[A-Za-z0-9+/]{16,}={0,2}"),
}
_NAME: Final = (
    rb"(?i:pass(?:word|wd)?|pwd|(?:client_)?secret|(?:api[_-]?)?key|"
    rb"(?:access_|auth_|id_|refresh_)?token|sig(?:nature)?)"
)
_CARDS: Final = (
    rb"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6\d{3}|35\d\d)(?:[ -]?\d{4}){3}(?:[ -]?\d{3})?\b",
    rb"\b3[47]\d\d[ -]?\d{6}[ -]?\d{5}\b",
    rb"\b3[0689]\d\d[ -]?\d{6}[ -]?\d{4}\b",
)
_PHONES: Final = (
    rb"\+[1-9](?:[ ().\/-]{0,3}\d){7,14}\b",  # +CC …
    rb"\b00[1-9]\d?(?:[ ().\/-]{1,3}\d{1,8}){2,6}\b",  # 00CC …
    rb"\b00[1-9]\d{9,12}\b",
    rb"(?:\b1[ .-])?(?:\([2-9]\d\d\) ?|\b[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}\b",  # North America
    rb"\b0[1-9](?:[ .-]\d\d){4}\b",  # France and its neighbours
    rb"\b0[1-9]\d{1,4}[ /-]{1,3}\d{2,8}(?:[ -]\d{2,8}){0,3}\b",  # Germany, United Kingdom, Italy, Japan …
    rb"\(0[1-9]\d{0,4}\)[ /-]?\d{2,8}(?:[ -]\d{2,8}){0,3}\b",
    rb"\b0[1-9]\d{8,9}\b",
)
_ADDRESS: Final = (
    rb"[\pL\pN_%+][\pL\pN._%+'-]*(?:@|%40|&#64;)"
    rb"(?:[\pL\pN](?:[\pL\pN-]*[\pL\pN])?\.)+(?:\pL{2,}|xn--[A-Za-z0-9-]+)"
)

KINDS: Final = ("secret", "email", "card", "iban", "phone", "data")
FINDERS: Final = (
    Kind("secret", b"|".join(chain.from_iterable(SECRETS.values())), _has_digit),
    Kind("secret", rb"://[^\s/?#@:\"<>]*:[^\s/?#@\"<>]+@", _url_password),
    Kind("secret", rb"[?&]" + _NAME + rb"=[^&\s\"'<>#]+", _url_value),
    Kind("email", _ADDRESS),
    Kind("card", b"|".join(_CARDS), _card),
    Kind("iban", rb"(?i:\b[A-Z]{2})\d\d(?:[ -]?[A-Za-z0-9]){11,30}", _iban),
    Kind("phone", b"|".join(_PHONES), _phone),
    Kind("data", rb"[A-Za-z0-9+/_-]{200,}={0,2}", _data),
)

PRIVATE_KEY: Final = rb"-----(?:BEGIN|END) [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----"
_KEY_MOST_BYTES: Final = 16_384


def private_keys(marks: list[Span], text: bytes) -> Iterator[Span]:
    """Pair beginnings with ends; a key whose end is missing goes on to the next beginning, or as far as keys do."""
    for number, (start, end) in enumerate(marks):
        if text.startswith(b"-----END", start):
            continue
        following = marks[number + 1] if number + 1 < len(marks) else (len(text), len(text))
        ends_it = text.startswith(b"-----END", following[0])
        yield start, max(end, min(following[1 if ends_it else 0], start + _KEY_MOST_BYTES))
