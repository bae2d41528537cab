"""The price list answers by exact filters, one document per product."""

from __future__ import annotations

import json

PRODUCT = {
    "serviceCode": "AmazonEC2",
    "product": {"productFamily": "Storage", "attributes": {"volumeApiName": "gp3"}},
}


def asked(account, **fields):
    filters = [{"Type": "TERM_MATCH", "Field": k, "Value": v} for k, v in fields.items()]
    answer = account.client("pricing").get_products(ServiceCode="AmazonEC2", Filters=filters)
    return [json.loads(each) for each in answer["PriceList"]]


def test_an_account_has_no_prices_of_its_own(account):
    assert asked(account, volumeApiName="gp3") == []


def test_a_product_is_found_by_its_attributes_and_family(account):
    account.price_list.products.append(PRODUCT)

    assert asked(account, volumeApiName="gp3", productFamily="Storage") == [PRODUCT]
    assert asked(account, volumeApiName="gp2") == []
