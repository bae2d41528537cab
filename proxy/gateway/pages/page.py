"""A page for people: complete in itself, and locked to itself by its Content-Security-Policy.

It loads nothing. Style and script are inline, and the policy names their hashes: the browser runs
no injected script.
"""

import html
from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from importlib import resources

from litestar import HttpMethod, MediaType, Response

_PACKAGE = resources.files("gateway.pages")
_STYLE = (_PACKAGE / "page.css").read_text("utf-8")

READ = (HttpMethod.GET, HttpMethod.HEAD)  # how every page may be asked for

escape = html.escape


def response(
    title: str, body: str, headers: Mapping[str, str], script: str = ""
) -> Response[bytes]:
    """Return the page. `body` is HTML, already escaped."""
    return Response(
        _document(title, body, script).encode(),
        media_type=MediaType.HTML,
        headers=_SECURITY | {"content-security-policy": _policy(script)} | dict(headers),
    )


def script(name: str) -> str:
    """Return a script that comes with this package."""
    return (_PACKAGE / name).read_text("utf-8")


def table(rows: Iterable[tuple[str, str]]) -> str:
    """Return what is called how, as HTML."""
    lines = (f"<tr><th>{escape(a)}</th><td>{escape(b)}</td></tr>" for a, b in rows)
    return f"<table>{''.join(lines)}</table>"


_SECURITY = {
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


def _policy(script: str) -> str:
    """Allow our own style and script, calls of this gateway, and nothing else."""
    scripts = f"script-src '{_hash(script)}'; connect-src 'self'; " if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(_STYLE)}'; {scripts}img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + b64encode(sha256(text.encode()).digest()).decode()


def _document(title: str, body: str, script: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        f"{body}\n</main>\n{f'<script>{script}</script>' if script else ''}\n</body>\n</html>\n"
    )
