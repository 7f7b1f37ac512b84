"""How does an answer travel? Compressed where that pays, and not again to who has it already."""

from hashlib import blake2b

from aiohttp import ETag, web

from gateway.admin.answers import Handler

WORTH_BYTES = 1024  # below this, compression saves no packet


@web.middleware
async def finishing(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Mark, compare and compress what is answered in one piece."""
    answer = await handler(request)
    if not isinstance(answer, web.Response) or not isinstance(answer.body, bytes):
        return answer
    # What one asks here may be anybody's words: shared caches keep none of it, a browser asks whether it still holds.
    answer.headers.setdefault("Cache-Control", "private, no-cache")
    if answer.status == 200 and request.method in ("GET", "HEAD") and answer.headers["Cache-Control"] != "no-store":
        # Weak: compressed or not, it says the same.
        answer.etag = ETag(blake2b(answer.body, digest_size=12).hexdigest(), is_weak=True)
        if _has(request, answer.etag):
            return web.Response(
                status=304, headers={"ETag": answer.headers["ETag"], "Cache-Control": "private, no-cache"}
            )
    if "Content-Encoding" in answer.headers:
        return answer
    if len(answer.body) >= WORTH_BYTES and "gzip" in request.headers.get("Accept-Encoding", "").lower():
        answer.enable_compression(web.ContentCoding.gzip)
    if len(answer.body) >= WORTH_BYTES:
        answer.headers["Vary"] = "Accept-Encoding"
    return answer


def _has(request: web.Request, etag: ETag) -> bool:
    return any(one.value in (etag.value, "*") for one in request.if_none_match or ())
