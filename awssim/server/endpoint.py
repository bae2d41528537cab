"""One account behind an HTTP address: calls are served one at a time.

POST /_awssim/fail-check {"instance": ID, "check": "system" | "instance" | "attached-ebs"} is no
call of AWS's: a status check of the instance fails from then on.
"""

from __future__ import annotations

import json
import logging
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
from awssim import clients
from awssim.faults import Refusal
from awssim.rules.instances import Instances
from awssim.server.wire import Answer, Call
from botocore import handlers
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from awssim.account import Account

log = logging.getLogger("awssim")

# What botocore does for its callers: on the wire, user data is base64 and a policy is text.
_CONVERSIONS: dict[str, Any] = {
    "before-parameter-build.ec2.RunInstances": handlers.base64_encode_user_data,
    "after-call.iam": handlers.json_decode_policies,
}


_FAIL_CHECK = "/_awssim/fail-check"


class Endpoint:
    """announce(instance=, ...): called with what became of an instance, in order: state=, or
    check= and fails=, or rebooted=.
    """

    def __init__(self, account: Account, announce: Callable[..., None]) -> None:
        self.lock = threading.RLock()
        self._account, self._announce = account, announce

    def answer(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Serve one signed request; what a call changed is announced before it is answered."""
        with self.lock:
            if url.endswith(_FAIL_CHECK):
                wanted = json.loads(body)
                self._account.checks.fail(wanted["instance"], wanted["check"])
                answer = Answer(200, {}, b"")
            else:
                answer = _served(Call(method, url, headers, body))
            self.announce_changes()
        return answer

    def announce_changes(self) -> None:
        with self.lock:
            for layer in self._account.layers:
                if isinstance(layer, Instances):
                    for instance, state in layer.changes():
                        self._announce(instance=instance, state=state)
            for instance in self._account.checks.reboots():
                self._announce(instance=instance, rebooted=True)
            for instance, check, fails in self._account.checks.changes():
                self._announce(instance=instance, check=check, fails=fails)

    def listen(self, port: int) -> ThreadingHTTPServer:
        """Return a server on 127.0.0.1; port 0: any free one."""
        handler = type("Handler", (_Handler,), {"endpoint": self})
        return ThreadingHTTPServer(("127.0.0.1", port), handler)


def _served(call: Call) -> Answer:
    try:
        client = _client(call.service)
        return call.answer(client._make_api_call(call.operation, call.parameters))  # noqa: SLF001 - the same seam as Account's
    except ClientError as refused:
        return call.refusal(refused)
    except NotImplementedError as missing:
        log.warning("not known call=%s.%s problem=%s", call.service, call.operation, missing)
        return call.refusal(Refusal("NotImplemented", str(missing), 501).of(call.operation))
    except Exception as error:
        log.exception("call failed service=%s operation=%s", call.service, call.operation)
        broken = Refusal("InternalError", f"{type(error).__name__}: {error}", 500)
        return call.refusal(broken.of(call.operation))


@cache
def _client(service: str) -> Any:
    """A client that sends parameters and returns answers as they are on the wire."""
    session = botocore.session.get_session()
    for event, conversion in _CONVERSIONS.items():
        session.unregister(event, conversion)
    once = Config(retries={"total_max_attempts": 1})
    return boto3.Session(clients.ACCESS_KEY, clients.SECRET_KEY, botocore_session=session).client(
        service,  # type: ignore[call-overload]
        region_name=clients.REGION,
        config=once,
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = f"http://{self.headers['Host']}{self.path}"
        answer = self.endpoint.answer(self.command, url, dict(self.headers), body)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Every call is in the twin's journal."""
