"""A build takes a minute, and then the image it was asked for is in the registry.

The environment overrides of StartBuild name what it makes: REPOSITORY_NAME and IMAGE_TAG.
A source in S3 is read when the build starts, in the version that sourceVersion names, else the
newest; without it the build fails.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from awssim.lifecycle import Lifecycle
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.clock import Clock
    from awssim.request import Proceed, Request, Response, Rule

BUILD_SECONDS = 60

_READS_OF_ECR = (
    "BatchGetImage",
    "DeleteRepository",
    "DescribeImages",
    "DescribeRepositories",
    "ListImages",
)


class CodeBuild:
    def __init__(self, clock: Clock) -> None:
        self.outcome: Literal["SUCCEEDED", "FAILED"] = "SUCCEEDED"
        """How builds started from now on end."""
        self._states = Lifecycle(clock)
        self._started: dict[str, dict[str, Any]] = {}  # StartBuild's answers, by build id
        self.sources: dict[str, bytes] = {}
        """The archive that each build got from S3, by build id."""
        self._unfinished: dict[str, dict[str, str]] = {}
        self._failed: set[str] = set()
        ecr: dict[str, Rule] = {f"ecr.{name}": self._settled for name in _READS_OF_ECR}
        self.rules: Mapping[str, Rule] = {
            **ecr,
            "codebuild.StartBuild": self._start,
            "codebuild.BatchGetBuilds": self._get,
            "codebuild.StopBuild": self._stop,
        }

    def _start(self, request: Request, proceed: Proceed) -> Response:
        response = proceed(request)
        identifier = response["build"]["id"]
        self._started[identifier] = dict(response["build"])
        if not self._states.knows(identifier):
            outcome = self.outcome if self._download(request, identifier) else "FAILED"
            self._states.begin(identifier, "IN_PROGRESS", outcome, seconds=BUILD_SECONDS)
            self._unfinished[identifier] = _environment(request)
        self._dress(response["build"])
        return response

    def _download(self, request: Request, identifier: str) -> bool:
        """Return whether the source is there; a project's own source is taken as there."""
        location = request.parameters.get("sourceLocationOverride")
        if request.parameters.get("sourceTypeOverride") != "S3" or not location:
            return True
        bucket, _, key = location.partition("/")
        version = request.parameters.get("sourceVersion")
        chosen = {"VersionId": version} if version else {}
        try:
            stored = request.ask_service("s3", "GetObject", Bucket=bucket, Key=key, **chosen)
        except ClientError:
            return False
        self.sources[identifier] = stored["Body"].read()
        return True

    def _get(self, request: Request, _proceed: Proceed) -> Response:
        """Moto is not asked: each of its answers repeats the phases of all answers before."""
        self._finish_builds(request)
        asked = request.parameters["ids"]
        builds = [dict(self._started[each]) for each in asked if each in self._started]
        for build in builds:
            self._dress(build)
        missing = [each for each in asked if each not in self._started]
        return {"builds": builds, "buildsNotFound": missing}

    def _stop(self, request: Request, proceed: Proceed) -> Response:
        self._finish_builds(request)
        response = proceed(request)
        identifier = request.parameters["id"]
        if self._unfinished.pop(identifier, None) is not None:
            self._states.begin(identifier, "STOPPED", "STOPPED", seconds=0)
        self._dress(response["build"])
        return response

    def _settled(self, request: Request, proceed: Proceed) -> Response:
        self._finish_builds(request)
        return proceed(request)

    def _finish_builds(self, request: Request) -> None:
        for identifier in list(self._unfinished):
            if self._states.state(identifier) == "IN_PROGRESS":
                continue
            environment = self._unfinished.pop(identifier)
            succeeded = self._states.state(identifier) == "SUCCEEDED"
            if not (succeeded and _push(request, environment)):
                self._failed.add(identifier)

    def _dress(self, build: dict[str, Any]) -> None:
        status = self._states.state(build["id"])
        if build["id"] in self._failed:
            status = "FAILED"
        build["buildStatus"] = status
        build["buildComplete"] = status != "IN_PROGRESS"
        build["currentPhase"] = "COMPLETED" if build["buildComplete"] else "BUILD"
        if not build["buildComplete"]:
            build.pop("endTime", None)
            build["phases"] = []


def _environment(request: Request) -> dict[str, str]:
    variables = request.parameters.get("environmentVariablesOverride", [])
    return {variable["name"]: variable["value"] for variable in variables}


def _push(request: Request, environment: dict[str, str]) -> bool:
    """False when there is nothing to push to: the repository is missing, or has no name."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"digest": "sha256:" + "0" * 64, "size": 1},
        "layers": [],
        "annotations": environment,
    }
    repository, tag = environment.get("REPOSITORY_NAME"), environment.get("IMAGE_TAG")
    there = request.ask_service("ecr", "DescribeRepositories")["repositories"]
    if not tag or repository not in {found["repositoryName"] for found in there}:
        return False
    request.ask_service(
        "ecr",
        "PutImage",
        repositoryName=repository,
        imageTag=tag,
        imageManifest=json.dumps(manifest),
    )
    return True
