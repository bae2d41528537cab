#!/usr/bin/env python3
"""Bring the gateway's keys once, as the agent does for ever: `keys.py REGION PATH FILE`."""

import logging
import sys
from pathlib import Path

import boto3

sys.dont_write_bytecode = True  # this folder is proved by SHA256SUMS: nothing may appear in it

from lamplighter_agent.keys import Keys  # noqa: E402 - the line above comes first

region, path, file = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
if not Keys(boto3.client("ssm", region_name=region), path, Path(file)).sync():
    sys.exit(f"there is no key for the gateway under {path}: run `lamplighter up` again")
