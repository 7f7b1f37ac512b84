"""What a request's head says about it."""

import pytest

from gateway.core.errors import Refusal
from gateway.policies.access import Principal
from tests.exchange.parts import KEY, head, introduced

CHAT = b"/v1/chat/completions"


def test_caller_and_place_are_known() -> None:
    """The key's team, the dialect, and the record as far as the head tells."""
    request = head(b"POST", CHAT, Authorization=b"Bearer " + KEY, User_Agent=b"OpenAI/Python", x_tollway_user=b"ann")

    intro = introduced(request)

    assert ("search", "ci") == (intro.principal.team, intro.principal.key)
    assert ("openai", "chat") == (intro.dialect, intro.record.endpoint)
    assert ("OpenAI/Python", "ann", "POST") == (intro.record.client, intro.record.user, intro.record.method)


def test_unknown_caller_is_refused_in_the_words_of_its_api() -> None:
    """An Anthropic client reads an Anthropic error."""
    with pytest.raises(Refusal) as caught:
        introduced(head(b"POST", b"/v1/messages", x_api_key=b"nobody"))

    assert ("invalid_key", "anthropic") == (caught.value.kind, caught.value.dialect)


def test_credentials_and_private_headers_stay_here() -> None:
    """Hop-by-hop, credentials, ours, the network's, cookies, the account's; everything else passes in order."""
    request = head(
        b"POST",
        CHAT,
        Authorization=b"Bearer " + KEY,
        X_Api_Key=KEY,
        api_key=KEY,
        Cookie=b"a=b",
        X_Forwarded_For=b"1.2.3.4",
        Forwarded=b"for=1.2.3.4",
        X_Real_IP=b"1.2.3.4",
        x_tollway_session=b"s",
        OpenAI_Organization=b"org",
        Connection=b"keep-alive, X-Secret",
        X_Secret=b"1",
        TE=b"trailers",
        Accept_Encoding=b"gzip",
        X_Stainless_Lang=b"python",
        anthropic_beta=b"foo-2099-01-01",
    )

    block = introduced(request).passed.block

    assert b"accept-encoding: identity\r\nX-Stainless-Lang: python\r\nanthropic-beta: foo-2099-01-01\r\n" == block


def test_accept_encoding_is_the_clients_own_where_nothing_is_metered() -> None:
    """A file comes as the client wants it."""
    block = introduced(head(b"GET", b"/v1/files", Authorization=b"Bearer " + KEY, Accept_Encoding=b"br")).passed.block

    assert b"Accept-Encoding: br\r\n" == block


@pytest.mark.parametrize("allowed", [True, False])
def test_own_credentials_go_along_only_where_the_team_allows_it(allowed: bool) -> None:
    """With `x-tollway-key` the client's provider credential is forwarded untouched, if it may be."""
    request = head(b"POST", CHAT, x_tollway_key=KEY, Authorization=b"Bearer sk-own", OpenAI_Organization=b"org")

    intro = introduced(request, Principal("search", "ci", forward_credentials=allowed))

    assert allowed is intro.passed.own_key
    assert allowed is (b"Authorization: Bearer sk-own" in intro.passed.block)
    assert allowed is (b"OpenAI-Organization" in intro.passed.block)
    assert KEY not in intro.passed.block


def test_query_key_is_taken_out() -> None:
    """Google's clients put the key into the query; the rest of it passes in order."""
    target = b"/v1beta/models/gemini-2.5-pro:generateContent?a=1&key=" + KEY + b"&b=2"

    intro = introduced(head(b"POST", target))

    assert ("gemini", b"a=1&b=2") == (intro.dialect, intro.passed.query)
    assert KEY.decode() not in str(intro.record)


@pytest.mark.parametrize("allowed", [True, False])
def test_own_query_key_goes_along_only_where_the_team_allows_it(allowed: bool) -> None:
    """Untouched, where it stood; the gateway's own key never does."""
    principal = Principal("search", "ci", forward_credentials=allowed)
    target = b"/v1beta/models/gemini-2.5-pro:generateContent?a=1&key=%b&b=2"

    own = introduced(head(b"POST", target % b"AIza-own", x_tollway_key=KEY), principal)
    ours = introduced(head(b"POST", target % KEY, x_tollway_key=KEY), principal)

    assert (allowed, b"a=1&key=AIza-own&b=2" if allowed else b"a=1&b=2") == (own.passed.own_key, own.passed.query)
    assert (False, b"a=1&b=2") == (ours.passed.own_key, ours.passed.query)
    assert "AIza-own" not in str(own.record)


@pytest.mark.parametrize("ours", ["authorization", "x_api_key", "query"])
@pytest.mark.parametrize("shown", [KEY, b"stale"])
def test_a_key_of_ours_beside_ours_is_no_credential_of_the_clients(ours: str, shown: bytes) -> None:
    """An SDK that sends it in its usual header as well must not show it to the provider."""
    headers = {"authorization": {"Authorization": b"Bearer " + KEY}, "x_api_key": {"x_api_key": KEY}, "query": {}}
    target = CHAT + (b"?key=" + KEY if ours == "query" else b"")

    intro = introduced(
        head(b"POST", target, x_tollway_key=shown, **headers[ours]), Principal("search", "ci", forward_credentials=True)
    )

    assert not intro.passed.own_key
    assert KEY not in intro.passed.block + intro.passed.query


def test_what_may_be_kept_is_decided_with_the_head() -> None:
    """By the team, lowered by the request, every header of that name counts; it stands in the record."""
    request = head(b"POST", CHAT, Authorization=b"Bearer " + KEY, x_tollway_bodies=b"redacted", Content_Encoding=b"br")

    plain, less = introduced(head(b"POST", CHAT, Authorization=b"Bearer " + KEY)), introduced(request)
    none = introduced(request, Principal("search", "ci", bodies="none"))

    assert ("full", "redacted", "none") == (plain.record.bodies, less.record.bodies, none.record.bodies)
    assert (1 << 20, 0) == (less.keeping.most_bytes, none.keeping.most_bytes)
    assert (None, "br") == (plain.keeping.encoding, less.keeping.encoding)
