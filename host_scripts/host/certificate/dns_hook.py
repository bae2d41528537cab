"""certbot's hook for DNS-01: `dns_hook write|remove`, the rest in its environment."""

import os
import sys

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from host.certificate import route53
from host.certificate.errors import Trouble
from host.certificate.settings import load

(verb,) = sys.argv[1:]
known = load(os.environ)
host, value = os.environ["CERTBOT_DOMAIN"], os.environ["CERTBOT_VALIDATION"]
if host != known.host:
    sys.exit(f"{host!r} is not our name: nothing is written")
client = boto3.client("route53", region_name=known.region)
try:
    zone = route53.zone_of(client, known.zone, host)
    if verb == "write":
        route53.wait(client, route53.write(client, zone, host, value))
    else:
        route53.remove(client, zone, host, value)
except (ClientError, BotoCoreError, Trouble) as error:
    sys.exit(route53.explained(error, host))
