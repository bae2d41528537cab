"""Rows are changed as DynamoDB lets them be changed."""

from __future__ import annotations


def test_attributes_can_be_removed_where_none_is_set(complete):
    ledger = complete.ledger
    ledger.update("host#1", {"cause": "CUDA error"})

    ledger.update("host#1", {"cause": None, "warnings": None})
    changed = ledger.change("host#1", {"phase": None}, "attribute_exists(pk)")

    assert changed
    assert {"cause", "phase"}.isdisjoint(ledger.read("host#1"))
