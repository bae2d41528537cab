"""The gateway's modules import each other in one direction, for their types too."""

from itertools import islice
from pathlib import Path

import grimp

PACKAGE = Path(__file__).parents[2] / "proxy" / "gateway"
MOST_FILES = 15


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("gateway", exclude_type_checking_imports=False, cache_dir=None)

    circles = (
        (module, imported)
        for module in sorted(graph.modules)
        for imported in graph.find_modules_directly_imported_by(module)
        if graph.chain_exists(imported, module)
    )

    assert list(islice(circles, 5)) == []


def test_a_room_is_has_at_most_15_modules() -> None:
    rooms = [PACKAGE, *(path for path in PACKAGE.iterdir() if (path / "__init__.py").exists())]

    sizes = {room.name: len(list(room.glob("*.py"))) for room in rooms}

    assert {name: size for name, size in sizes.items() if size > MOST_FILES} == {}
