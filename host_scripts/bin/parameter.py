#!/usr/bin/env python3
"""Print one SSM parameter, decrypted, without a newline: `parameter.py REGION NAME | ...`."""

import sys

import boto3

region, name = sys.argv[1:]
answer = boto3.client("ssm", region_name=region).get_parameter(Name=name, WithDecryption=True)
value = answer["Parameter"]["Value"].strip()
if not value or not value.isprintable() or " " in value:
    sys.exit(f"the SSM parameter {name} is empty or no single word: write it again")
sys.stdout.write(value)
