"""What does somebody see who opens the admin port in a browser? What is there, with links to what can be read."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from aiohttp import web

from gateway.admin.openapi import document

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tollway: admin port</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ text-align: left; vertical-align: top; padding: .3rem 1rem .3rem 0 }}
code {{ white-space: nowrap }}
</style>
</head>
<body>
<main>
<h1>Tollway: admin port</h1>
<p>For people, programs and Prometheus. With an <code>admin_token</code> in the config, everything but this page,
<code>/healthz</code> and <code>/readyz</code> asks for it: <code>curl -H "Authorization: Bearer $TOKEN" …</code></p>
<table>
<thead><tr><th scope="col">request</th><th scope="col">answer</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<p>All of it, exactly, with parameters and errors: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
</main>
</body>
</html>
"""


def routes() -> list[web.RouteDef]:
    """Say what is served where."""
    page = html(document()).encode()

    async def served(_: web.Request) -> web.Response:
        return web.Response(body=page, content_type="text/html", charset="utf-8", headers=_HEADERS)

    return [web.get("/", served)]


def html(openapi: dict[str, Any]) -> str:
    """Write the page from the description of the port."""
    return _PAGE.format(rows="\n".join(_rows(openapi)))


def _rows(openapi: dict[str, Any]) -> Iterator[str]:
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            if method not in ("get", "post"):
                continue
            name = f"<code>{method.upper()} {escape(path)}</code>"
            if method == "get" and "{" not in path and not _streams(operation):
                name = f'<a href="{escape(path)}">{name}</a>'
            yield f"<tr><td>{name}</td><td>{escape(operation['summary'])}</td></tr>"


def _streams(operation: dict[str, Any]) -> bool:
    """Whether it goes on without end: nothing that a browser can show."""
    return "text/event-stream" in operation["responses"]["200"]["content"]
