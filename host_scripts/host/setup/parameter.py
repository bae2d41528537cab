"""Print an SSM parameter, decrypted, without a newline: `parameter REGION NAME SETTING | ...`.

SETTING of the specification names it. Status 91 when retrying does not help, 1 when it may.
"""

import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from host.setup.refusal import refuse

region, name, setting = sys.argv[1:]
WRITE = f"`aws ssm put-parameter --region {region} --type SecureString --name {name} --value ...`"
FINAL = {
    "ParameterNotFound": f"does not exist: write it with {WRITE}, or correct {setting}",
    "ParameterVersionNotFound": f"has no such version: correct {setting}",
    "AccessDeniedException": "cannot be read by this machine's role: give it a name under"
    f" /lamplighter/ or /inference/ ({setting}), encrypted with SSM's own key (alias/aws/ssm)",
}

try:
    answer = boto3.client("ssm", region_name=region).get_parameter(Name=name, WithDecryption=True)
except ClientError as error:
    code = error.response["Error"]["Code"]
    if why := FINAL.get(code):
        refuse(f"the SSM parameter {name} {why}")
    sys.exit(f"the SSM parameter {name} cannot be read: {code}")
except BotoCoreError as error:
    sys.exit(f"the SSM parameter {name} cannot be read: {type(error).__name__}")
value = answer["Parameter"]["Value"].strip()
if not value or not value.isprintable() or " " in value:
    refuse(f"the SSM parameter {name} is empty or no single word: write it again")
sys.stdout.write(value)
