"""Requests of many kinds for a real engine, made from a seed."""
