"""The Price List API, which moto lacks: an account whose prices are nowhere listed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awssim.request import Proceed, Request, Response, Rule


class PriceList:
    """products: documents of the price list, as AWS sends them; a test puts them there."""

    def __init__(self) -> None:
        self.products: list[dict[str, Any]] = []
        self.rules: Mapping[str, Rule] = {"pricing.GetProducts": self._get}

    def _get(self, request: Request, _: Proceed) -> Response:
        filters = request.parameters.get("Filters", [])
        found = [
            each
            for each in self.products
            if each["serviceCode"] == request.parameters["ServiceCode"]
            and all(_attributes(each).get(one["Field"]) == one["Value"] for one in filters)
        ]
        return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in found]}


def _attributes(product: dict[str, Any]) -> dict[str, str]:
    family = product["product"].get("productFamily", "")
    return {"productFamily": family, **product["product"]["attributes"]}
