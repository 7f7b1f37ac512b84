"""Secrets and personal details that nobody owns: one or more of every family that redaction must find."""

import random
import string

_random = random.Random(20_261_126)
_ALNUM = string.ascii_letters + string.digits


def _some(count: int, characters: str = _ALNUM) -> str:
    """Return random characters, among them a digit and a capital."""
    return "".join(_random.choice(characters) for _ in range(count - 2)) + "7Q"


# kind -> canaries. Each must be found wherever it stands as a word of its own.
CANARIES: dict[str, list[str]] = {
    "secret": [
        f"sk-proj-{_some(40)}_{_some(40)}",
        f"sk-{_some(48)}",
        f"sk-ant-api03-{_some(50)}-{_some(40)}",
        f"sk-or-v1-{_some(64, '0123456789abcdef')}",
        f"tw-{_some(43)}",
        f"AIza{_some(35)}",
        f"ya29.{_some(60)}",
        f"AKIA{_some(14, 'ABCDEFGHIJ234567')}Q7",
        f"aws_secret_access_key = {_some(40)}",
        f"ghp_{_some(36)}",
        f"github_pat_{_some(22)}_{_some(59)}",
        f"glpat-{_some(20)}",
        f"xoxb-{_some(12, '0123456789')}-{_some(24)}",
        f"https://hooks.slack.com/services/T{_some(8)}/B{_some(8)}/{_some(24)}",
        f"sk_live_{_some(24)}",
        f"rk_test_{_some(24)}",
        f"whsec_{_some(32)}",
        f"hf_{_some(34)}",
        f"gsk_{_some(52)}",
        f"xai-{_some(80)}",
        f"npm_{_some(36)}",
        f"SG.{_some(22)}.{_some(43)}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJ{_some(40)}.{_some(43)}",
        f"Bearer {_some(40)}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{_some(64)}\n{_some(64)}\n{_some(20)}==\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{_some(64)}\n-----END PRIVATE KEY-----",
    ],
    "email": ["jane.canary+x@mail.example.co.uk", "canary_7@xn--bcher-kva.example", "o'canary@example.museum"],
    "card": ["4111 1111 1111 1111", "5555555555554444", "3782-822463-10005", "6011 0009 9013 9424"],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
    "phone": [
        "+49 30 901820",
        "+1 (415) 555-2671",
        "+33612345678",
        "0049 30 901820",
        "(415) 555-2671",
        "415-555-2671",
        "06 12 34 56 78",
        "020 7946 0958",
        "07700 900123",
        "0171/1234567",
        "(030) 1234567",
        "0612345678",
    ],
}
PASSWORD = "hunter2Canary"  # in URLs
URLS = [f"https://ann:{PASSWORD}@db.internal/x", f"https://api.internal/x?a=b&password={PASSWORD}&c=d"]
ALL = [each for family in CANARIES.values() for each in family]
# Numbers and words that are none, as they stand in prompts, logs and code.
HARMLESS = [
    "1732550400", "1732550400123", "1732550400123456", "1732550400123456789", "2026-11-26T08:21:19.123456Z",
    "192.168.100.100", "10.0.0.1:8080", "v1.22.333", "0.0123456789", "1.4155552671", "1e+10", "12,345,678", "1 234 567",
    "01a20a31-7720-71c7-8d56-4365b3ed0dd5", "chatcmpl-9f8e7d6c5b4a39281706", "claude-sonnet-4-5-20250929",
    "4111111111111112", "DE89370400440532013001", "sk-toggleable__content-label", "task-force-2024-abcdefghijklmnop",
    "numpy@1.26.4", "@decorator", "x@y", "3f2a9c1d" * 30, "a" * 300, "7" * 300, "=" * 80, "ISBN 978-3-16-148410-0",
    "20241126-083015", "2024/11/26 08:30:15", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]", "+12", "+00:00", "-0123", "007",
    "AKIA", "Bearer $OPENAI_API_KEY", "bearer of good news everyone", "https://example.com:8080/path?page=2#top",
]  # fmt: skip
