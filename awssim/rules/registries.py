"""An image is pushed to a repository that exists; moto dies where ECR refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule


class Registries:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {"ecr.PutImage": self._put}

    def _put(self, request: Request, proceed: Proceed) -> Response:
        name = request.parameters["repositoryName"]
        there = request.ask("DescribeRepositories")["repositories"]
        if name not in {each["repositoryName"] for each in there}:
            request.refuse(
                "RepositoryNotFoundException",
                f"The repository with name '{name}' does not exist in the registry",
            )
        return proceed(request)
