"""Print a password for `docker login --username AWS`: `registry_password REGION`.

Status 91 when retrying does not help, 1 when it may.
"""

import base64
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from host.setup.refusal import refuse

DENIED = (
    "this machine's role may not log in to ECR (ecr:GetAuthorizationToken): install Lamplighter"
    " again with `sam deploy`, and look for a policy of your organisation that forbids it"
)

(region,) = sys.argv[1:]
try:
    answer = boto3.client("ecr", region_name=region).get_authorization_token()
except ClientError as error:
    code = error.response["Error"]["Code"]
    if code == "AccessDeniedException":
        refuse(DENIED)
    sys.exit(f"ECR gave no password: {code}")
except BotoCoreError as error:
    sys.exit(f"ECR gave no password: {type(error).__name__}")
token = base64.b64decode(answer["authorizationData"][0]["authorizationToken"]).decode()
sys.stdout.write(token.removeprefix("AWS:"))
