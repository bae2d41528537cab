#!/usr/bin/env python3
"""Print a password for `docker login --username AWS`: `registry_password.py REGION`."""

import base64
import sys

import boto3

(region,) = sys.argv[1:]
answer = boto3.client("ecr", region_name=region).get_authorization_token()
token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
sys.stdout.write(token.removeprefix("AWS:"))
