"""`/docs`: the OpenAPI document as a page to read, with a console to try it.

The page is made here, of the same document that programs get, and needs nothing from elsewhere.
"""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from litestar import Request, Response, route

from gateway.pages import page
from gateway.pages.openapi import document
from gateway.pages.openapi_bodies import Schema
from gateway.pages.page import READ, escape
from gateway.pages.viewer import check_known

_JSON = "application/json"
_SCRIPT = page.script("docs.js")


@route("/docs", http_method=READ)
async def docs(request: Request[Any, Any, Any]) -> Response[bytes]:
    sources = request.app.state.sources
    check_known(request, sources)
    body = html(document(sources.settings))
    return page.response("Inference gateway: the API", body, {"cache-control": "no-store"}, _SCRIPT)


def html(document: Schema) -> str:
    """Return the body of the page."""
    operations = list(_operations(document))
    about = escape(document["info"]["description"])
    known = '<p><a href="/openapi.json">The same as an OpenAPI document</a></p>'
    sections = "\n".join(_section(*one) for one in operations)
    return f"<p>{about}</p>{known}{_console(operations)}{sections}"


_Operation = tuple[str, str, Schema]


def _operations(document: Schema) -> Iterator[_Operation]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _console(operations: list[_Operation]) -> str:
    samples = {
        f"{method} {path}": _sample(operation)
        for method, path, operation in operations
        if "{" not in path and _takes(operation)[0] in {_JSON, None}
    }
    options = "".join(f"<option>{escape(name)}</option>" for name in samples)
    return _CONSOLE.format(options=options, samples=escape(json.dumps(samples)))


_CONSOLE = """
<details id="console" open><summary><h2>Try it</h2></summary>
<div class="row">
<label>Key<input id="key" type="password" autocomplete="off" spellcheck="false"></label>
<label>Endpoint<select id="operation">{options}</select></label>
</div>
<textarea id="body" rows="10" spellcheck="false" aria-label="Body"></textarea>
<div class="row"><button id="send">Send</button><button id="stop" disabled>Stop</button></div>
<pre id="answer" aria-live="polite"></pre>
<div id="samples" data-samples="{samples}" hidden></div>
</details>
"""


def _section(method: str, path: str, operation: Schema) -> str:
    kind, schema = _takes(operation)
    name = f"{method} {path}"
    can_try = kind in {_JSON, None} and "{" not in path
    button = f'<button data-try="{escape(name)}">Try it</button>' if can_try else ""
    return (
        f'<details id="{escape(operation["operationId"])}"><summary><h2>'
        f'<span class="method">{method}</span> <code>{escape(path)}</code></h2>'
        f"<span>{escape(operation['summary'])}</span></summary>"
        f"{_fields(schema)}<pre>{escape(_curl(method, path, operation))}</pre>{button}"
        f"{_answers(operation)}</details>"
    )


def _fields(schema: Schema) -> str:
    needed = set(schema.get("required", ()))
    rows = [
        (name, ", ".join(filter(None, (_kind(kind), "required" if name in needed else "")))
         + (f". {kind['description']}" if "description" in kind else ""))
        for name, kind in schema.get("properties", {}).items()
    ]  # fmt: skip
    return page.table(rows) if rows else ""


def _answers(operation: Schema) -> str:
    rows = ((status, answer["description"]) for status, answer in operation["responses"].items())
    return page.table(rows)


def _kind(schema: Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    kinds = schema.get("type", "anything")
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _curl(method: str, path: str, operation: Schema) -> str:
    kind, _ = _takes(operation)
    parts = ["curl", f'"$GATEWAY{path}"']
    if "security" not in operation:
        parts.append('-H "Authorization: Bearer $KEY"')
    if kind == _JSON:
        body = json.dumps(_sample(operation))
        parts += ['-H "Content-Type: application/json"', f"-d {shlex.quote(body)}"]
    elif kind is not None:
        parts += [f"-F {name}={_part(name, value)}" for name, value in _sample(operation).items()]
    return " \\\n  ".join(parts if method in {"GET", "POST"} else [*parts, f"-X {method}"])


def _part(name: str, value: str) -> str:
    return shlex.quote(f"@{value}" if name == "file" else value)


def _takes(operation: Schema) -> tuple[str | None, Schema]:
    """Return the media type and the schema of the body, if there is one."""
    content = operation.get("requestBody", {}).get("content", {})
    return next(((kind, each["schema"]) for kind, each in content.items()), (None, {}))


def _sample(operation: Schema) -> Any:
    content = operation.get("requestBody", {}).get("content", {})
    return next((each["example"] for each in content.values()), None)
