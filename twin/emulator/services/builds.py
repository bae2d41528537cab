# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""CodeBuild: a build that succeeds has pushed its image.

ministack's builds succeed at once and leave nothing. The image gets the repository and the tag of
the build's variables REPOSITORY_NAME and IMAGE_TAG, as the real project's buildspec does.
"""

from __future__ import annotations

import json
from typing import Any

from ministack.services import codebuild
from twin.emulator.pinned import require

_OK = 200
_MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": "sha256:" + "0" * 64, "size": 1},
    "layers": [],
}


def install(ecr: Any) -> None:
    """ecr: a client of the strict AWS."""
    require(holds=callable(codebuild._start_build), fix="CodeBuild")
    original = codebuild._start_build

    def start(request: dict[str, Any]) -> Any:
        answer = original(request)
        if answer[0] != _OK:
            return answer
        overrides = request.get("environmentVariablesOverride", [])
        return _pushed(ecr, answer, {each["name"]: each["value"] for each in overrides})

    codebuild._start_build = start


def _pushed(ecr: Any, answer: Any, variables: dict[str, str]) -> Any:
    """The build's answer; a push to a missing repository makes it a failed build."""
    repository, tag = variables.get("REPOSITORY_NAME"), variables.get("IMAGE_TAG")
    if not repository or not tag:
        return answer
    manifest = json.dumps(_MANIFEST | {"annotations": variables})
    try:
        ecr.put_image(repositoryName=repository, imageTag=tag, imageManifest=manifest)
    except (
        ecr.exceptions.ImageTagAlreadyExistsException,
        ecr.exceptions.ImageAlreadyExistsException,
    ):
        return answer
    except ecr.exceptions.RepositoryNotFoundException:
        document = json.loads(answer[2])
        document["build"]["buildStatus"] = "FAILED"
        codebuild._builds[document["build"]["id"]]["buildStatus"] = "FAILED"
        return answer[0], answer[1], json.dumps(document).encode()
    return answer
