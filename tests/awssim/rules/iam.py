"""Moto dies with a ValueError where IAM answers NoSuchEntity."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule


class Iam:
    def __init__(self) -> None:
        self.rules: Mapping[str, Rule] = {"iam.RemoveRoleFromInstanceProfile": self._remove_role}

    def _remove_role(self, request: Request, proceed: Proceed) -> Response:
        try:
            return proceed(request)
        except ValueError:
            role = request.parameters["RoleName"]
            request.refuse(
                "NoSuchEntity", f"The role {role} is not in the instance profile.", status=404
            )
