"""Whoever opens the admin port in a browser sees what is there."""

import re
from pathlib import Path

from gateway.admin.openapi import document
from gateway.admin.page import html
from tests.admin.parts import serving


async def test_it_lists_every_path_and_links_what_a_browser_can_show(tmp_path: Path) -> None:
    """Each link leads somewhere; what goes on without end is none."""
    async with serving(tmp_path) as port:
        answer = await port.ask("/")
        text = await answer.text()
        links = re.findall(r'href="([^"]+)"', text)
        found = [(await port.ask(link)).status for link in links]

    assert "text/html; charset=utf-8" == answer.headers["Content-Type"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert {200} == {*found}
    assert "/api/exchanges/live" not in links
    assert [] == [path for path in document()["paths"] if f" {path}</code>" not in text]


def test_words_are_not_markup() -> None:
    """Whatever stands in the file."""
    operation = {"summary": "a < b", "responses": {"200": {"content": {}}}}

    assert "<td>a &lt; b</td>" in html({"paths": {"/x": {"get": operation}}})
