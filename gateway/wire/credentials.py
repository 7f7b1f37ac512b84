"""Where clients put their key, and which headers must never leave with a request or an answer."""

from collections.abc import Mapping

GATEWAY_KEY = b"x-tollway-key"
_BEARER = b"bearer "
# The headers in which the SDKs of the three dialects, Azure's among them, carry a credential.
_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")

CREDENTIALS = frozenset((b"authorization", *_KEY_HEADERS))
# Ours, the caller's network's, and cookies: none of the provider's business.
PRIVATE = frozenset((b"cookie", b"forwarded", b"x-real-ip"))
PRIVATE_PREFIXES = (b"x-tollway-", b"x-forwarded-")
# They name the account of the client's own key; with ours they would be refused.
ACCOUNT = frozenset((b"openai-organization", b"openai-project"))
# Of an answer: they speak about the provider's host, not about ours.
ANSWER_PRIVATE = frozenset((b"set-cookie", b"alt-svc", b"strict-transport-security"))


def candidates(index: Mapping[bytes, bytes], query_key: bytes | None) -> list[bytes]:
    """Return every value of a request that may be a gateway key, the most explicit one first."""
    found = []
    if GATEWAY_KEY in index:
        found.append(index[GATEWAY_KEY].strip())
    authorization = index.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == _BEARER:
        found.append(authorization[7:].strip())
    found += [index[name] for name in _KEY_HEADERS if name in index]
    if query_key:
        found.append(query_key)
    return found
