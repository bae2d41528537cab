"""Links between the documents, images too. Those within docs/ are also checked by `make docs`."""

import re

import pytest
from documents.pages import DOCUMENTS, name, without_blocks

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def anchors(text):
    """Return the anchors of the headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def broken(document, text):
    """Yield the links that lead nowhere: to a file that is not there, or past its headings."""
    for link in LINK.findall(without_blocks(text)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        if not target.is_file() or (anchor and anchor not in anchors(target.read_text())):
            yield link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(document):
    assert list(broken(document, document.read_text())) == []


def test_broken_links_and_anchors_are_seen(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Good heading\n[a](#good-heading) [b](page.md#bad) [c](none.md) ![d](x.png)")

    assert list(broken(page, page.read_text())) == ["page.md#bad", "none.md", "x.png"]
