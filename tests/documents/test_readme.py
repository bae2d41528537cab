import re

import pytest
import yaml
from documents.pages import DOCS, ROOT, blocks
from gateway.settings.gateway_settings import Settings
from orchestrator.spec.parsing import parse

README = (ROOT / "README.md").read_text()
EXAMPLES = [
    text
    for page in ("README.md", "docs/index.md", "docs/specification.md")
    for _, block in blocks((ROOT / page).read_text())
    for text in re.findall(
        r"(?:^|<<YAML\n)(name: .*?)(?:^YAML$|\Z)", block, re.DOTALL | re.MULTILINE
    )
]


def test_the_readme_is_read_in_five_minutes():
    assert len(README.encode()) <= 8192


def test_its_first_commands_are_what_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text().splitlines()

    block = re.search(r"```\n(make demo\nmake test)\n```", README)

    assert block
    assert set(block[1].splitlines()) <= set(ci)


def test_it_leads_to_every_page():
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", README))

    assert linked == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


def test_the_sites_menu_has_every_page():
    menu = re.findall(r'= "([\w-]+\.md)"', (ROOT / "zensical.toml").read_text())

    assert sorted(menu) == sorted(page.name for page in DOCS.glob("*.md"))


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_a_specification_is_valid(example):
    assert parse(yaml.safe_load(example)).name == "prod"


def test_there_are_examples():
    assert len(EXAMPLES) == 4


def test_the_example_of_the_gateways_settings_is_valid(tmp_path):
    [example] = [
        block for language, block in blocks((DOCS / "gateway-settings.md").read_text()) if language
    ]
    document = tmp_path / "gateway.yaml"
    document.write_text(example)

    assert [backend.url for backend in Settings.load(document, {}).backends] == [
        "http://gpu1:8000",
        "http://gpu2:8000",
        "https://llm.example.com/base",
    ]
