"""The tables of docs/ that are generated from the code: `make tables` writes them.

A page marks the place of a table by a comment, `<!-- table: NAME -->`, and its end by another,
`<!-- end -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import yaml
from documents import plan_example
from documents.pages import PAGES, ROOT
from gateway.settings.gateway_settings import reference
from lamplighter import faults
from lamplighter.errors import EXIT_CODES
from orchestrator.spec.difference import HOWS
from orchestrator.spec.publishing import schema

_PLACE = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _rows(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    headings = list(headings)
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("|" + "|".join(f" {cell} " for cell in line) + "|\n" for line in lines)


# -- the specification ---------------------------------------------------------------------------


def specification() -> str:
    described = schema()
    sections = {k: v for k, v in described["properties"].items() if "properties" in v}
    own = {k: v for k, v in described.items() if k != "properties"} | {
        "properties": {k: v for k, v in described["properties"].items() if k not in sections}
    }
    tables = [_keys(_within("", own))]
    for section, option in sections.items():
        tables.append(f"### {section}\n\n{_keys(_within(f'{section}.', option))}")
    return "\n".join(tables)


_Key = tuple[str, dict[str, Any], bool]  # its path, its schema, whether it is required


def _within(prefix: str, described: dict[str, Any]) -> Iterator[_Key]:
    """Yield the keys of an object, each followed by those within it, or within its items."""
    for name, option in described["properties"].items():
        path, items = f"{prefix}{name}", option.get("items", {})
        if "properties" not in option:
            yield path, option, name in described.get("required", [])
        if "properties" in option:
            yield from _within(f"{path}.", option)
        if "properties" in items:
            yield from _within(f"{path}[].", items)


def _keys(keys: Iterable[_Key]) -> str:
    return _rows(
        ("key", "takes", "default", ""),
        (
            (
                f"`{path}`",
                _takes(option),
                "required" if required else f"`{json.dumps(option['default'])}`",
                option["description"].replace("|", "\\|"),
            )
            for path, option, required in keys
        ),
    )


def _takes(option: dict[str, Any]) -> str:
    if "enum" in option:
        return ", ".join(f"`{value}`" for value in option["enum"])
    kinds = option["type"] if isinstance(option["type"], list) else [option["type"]]
    if "boolean" in kinds:
        return "`true`, `false`"
    if "minimum" in option:
        return f"{option['minimum']} to {option['maximum']}"
    if "array" in kinds:
        return "a list"
    if "object" in kinds:
        return "names and values"
    return f"such as `{option['examples'][0]}`"


def changes() -> str:
    """Return a line for all keys that are changed alike, for one reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for key, (how, why) in HOWS.items():
        reason = why.replace("`rotate`", "`lamplighter rotate`")
        alike.setdefault((str(how), reason), []).append(f"`{key}`")
    rows = ((how, ", ".join(keys), why) for (how, why), keys in sorted(alike.items()))
    return _rows(("made", "keys", "because"), rows)


# -- the others ----------------------------------------------------------------------------------


def gateway_settings() -> str:
    return _rows(
        ("setting, variable", "takes, default", ""),
        (
            (
                f"`{option.name}`" + (f"<br>`{option.variable}`" if option.variable else ""),
                _quoted(option.takes) + (f"<br>`{option.default}`" if option.default else ""),
                option.about + (" Needs a restart." if option.restart else ""),
            )
            for option in reference()
        ),
    )


def _quoted(text: str) -> str:
    """Return the text with its addresses as code: a page would make links of them."""
    return re.sub(r"(https?://[\w.:]+)", r"`\1`", text)


def parameters() -> str:
    template = (ROOT / "template.yaml").read_text().partition("\nConditions:")[0]
    return _rows(
        ("parameter", "default", ""),
        (
            (f"`{name}`", str(parameter["Default"]), parameter["Description"])
            for name, parameter in yaml.safe_load(template)["Parameters"].items()
        ),
    )


def exit_codes() -> str:
    return _rows(("code", "meaning"), re.findall(r"^  (\d+) +(.+)$", EXIT_CODES, re.MULTILINE))


def breaking() -> str:
    return _rows(
        ("fault", "what happens", "what ends it, beside a new host"),
        ((f"`{each.name}`", each.does, each.ends) for each in faults.FAULTS),
    )


TABLES: dict[str, Callable[[], str]] = {
    "specification": specification,
    "changes": changes,
    "gateway settings": gateway_settings,
    "parameters": parameters,
    "exit codes": exit_codes,
    "faults": breaking,
    "plan": plan_example.shown,
}


def written(text: str) -> str:
    """Return the page with its tables as the code has them now."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def places() -> Iterator[str]:
    """Yield the name of each table that a page holds."""
    for page in PAGES:
        yield from (found[2] for found in _PLACE.finditer(page.read_text()))


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written(page.read_text()))
