"""A first script of each document: is the address that arrived here the one in the browser's address bar?

A proxy that does not pass the Host header on makes the page ask for everything at an address that the browser cannot
reach. Only the browser knows both addresses, so it looks itself, and shows a sentence in place of an empty page.
"""

from __future__ import annotations

import json
from html import escape

from starlette.types import Scope

from ui import ASSETS
from ui.http.proxy_headers import connection_of
from ui.i18n import Translator

_SCRIPT = (ASSETS / "address_check.js").read_text(encoding="utf-8")


def script(scope: Scope, language: str) -> str:
    """The script for the document that answers this request, to stand within ``<script>``."""
    t = Translator(language)
    connection = connection_of(scope)
    is_ignored = connection.forwarded_hosts and not connection.via_proxy
    lines = [t("server.address_differs"), t("server.address_line")]
    if is_ignored:
        lines = [t("server.address_differs"), t("server.address_untrusted", peer=connection.peer)]
    facts = {"host": connection.host, "title": t("server.address_title"), "lines": [escape(line) for line in lines]}
    # "<" would let a value end the script; as \u003c it is the same text.
    return _SCRIPT.replace("FACTS", json.dumps(facts).replace("<", "\\u003c"))
