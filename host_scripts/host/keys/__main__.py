"""Write the gateway's keys file once, as the agent keeps doing: `keys REGION PATH FILE`."""

import logging
import sys
from pathlib import Path

import boto3

from host.keys.keys_file import Keys

region, path, file = sys.argv[1:]
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
if not Keys(boto3.client("ssm", region_name=region), path, Path(file)).sync():
    sys.exit(f"there is no key for the gateway under {path}: run `lamplighter up` again")
