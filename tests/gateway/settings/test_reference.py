"""The README's configuration reference is what the settings themselves say."""

import pytest
from gateway.settings.gateway_settings import reference
from gateway.settings.options import Option


def row(option: Option) -> str:
    variable = f"`{option.variable}`" if option.variable else ""
    default = f"`{option.default}`" if option.default else ""
    restart = " Needs a restart." if option.restart else ""
    cells = (f"`{option.name}`", variable, option.takes, default, option.about + restart)
    return "| " + " | ".join(cells) + " |"


def test_the_readme_lists_every_setting_as_it_is(pytestconfig: pytest.Config) -> None:
    readme = (pytestconfig.rootpath / "README.md").read_text("utf-8")
    table = readme.partition("<!-- gateway settings -->")[2].partition("<!-- end -->")[0]

    rows = [line for line in table.splitlines() if line.startswith("| `")]

    assert rows == [row(option) for option in reference()]
