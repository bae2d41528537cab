"""Write the gateway's settings once, as the agent keeps doing: `gateway REGION OBJECT FILE`."""

import logging
import sys
from pathlib import Path

import boto3

from host.gateway.document import View
from host.gateway.settings_file import SettingsFile

region, wanted, file = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
s3, ssm = (boto3.client(name, region_name=region) for name in ("s3", "ssm"))
if not SettingsFile(s3, ssm, wanted, Path(file), View()).sync():
    sys.exit(f"there are no settings for the gateway at {wanted}: run `lamplighter up` again")
