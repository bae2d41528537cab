"""What `make deploy` uploads: really built by sam, and imported by the Python that AWS runs.

Needs the package index and a python3.12, no root. Lambda brings boto3; here this environment does.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lamplighter.installation import lambda_python, sam
from lamplighter.installation.lambda_python import MissingPython
from samcli.yamlhelper import yaml_parse

pytestmark = [pytest.mark.host, pytest.mark.timeout(600)]

BOTO3 = ("boto3", "botocore", "s3transfer", "dateutil", "six", "urllib3", "jmespath")
IMPORT = """\
import importlib, sys
for handler in sys.argv[1:]:
    module, _, function = handler.rpartition(".")
    assert callable(getattr(importlib.import_module(module), function)), handler
print(sys.modules["orchestrator"].__file__)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return lambda_python.find()
    except MissingPython as error:
        pytest.skip(f"not run: {error}")


@pytest.fixture(scope="module")
def built(python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """Return the folder of what was built, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("sam") / "build"
    environment = lambda_python.first_on_path(python, os.environ) | {"SAM_CLI_TELEMETRY": "0"}
    command = [str(sam.PROGRAM), "build", "--no-cached", "--build-dir", str(folder)]
    began = time.monotonic()
    done = subprocess.run(
        [*command, "--region", "us-east-1"],
        cwd=sam.CONFIG.parent,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return folder, time.monotonic() - began


def test_every_handler_that_was_built_is_imported_by_lambdas_python(
    built: tuple[Path, float], python: Path, tmp_path: Path, say: Callable[[str], None]
) -> None:
    folder, seconds = built
    functions = _functions(folder)
    codes = {_digest(folder / one["CodeUri"]): folder / one["CodeUri"] for one in functions}
    for name in BOTO3:
        _link(name, tmp_path)

    for code in codes.values():
        imported = _import(python, code, tmp_path, [one["Handler"] for one in functions])
        assert Path(imported).is_relative_to(code)

    assert len(functions) > 15
    size = sum(file.stat().st_size for file in next(iter(codes.values())).rglob("*"))
    say(f"{len(functions)} functions of {size / 1e6:.1f} MB each, built in {seconds:.0f} s")


def test_compiled_packages_are_for_the_functions_own_processor(built: tuple[Path, float]) -> None:
    """pip must not bring those of the computer that builds."""
    folder, _ = built

    kinds = {file.name.partition(".")[2] for file in folder.rglob("*.so")}

    assert kinds == {"cpython-312-aarch64-linux-gnu.so"}


def _functions(folder: Path) -> list[dict[str, Any]]:
    template = yaml_parse((folder / "template.yaml").read_text())
    return [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]


def _import(python: Path, code: Path, boto3: Path, handlers: list[str]) -> str:
    done = subprocess.run(
        [str(python), "-S", "-c", IMPORT, *handlers],
        env={"PYTHONPATH": f"{code}:{boto3}", "AWS_DEFAULT_REGION": "us-east-1"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout.strip()


def _link(name: str, folder: Path) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    found = Path(spec.origin)
    found = found.parent if found.name == "__init__.py" else found
    (folder / found.name).symlink_to(found)


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
