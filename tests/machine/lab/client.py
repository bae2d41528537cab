"""HTTPS as somebody out there speaks it, from the cloud's end of the cable."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any

from machine.lab.cloud import network
from machine.lab.cloud.cloud import HOST


@dataclass(frozen=True, slots=True)
class Reply:
    """headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """trusted: PEM text of the certificates that the machine's own must lead to."""

    def __init__(self, trusted: str, key: str) -> None:
        self.context = ssl.create_default_context(cadata=trusted)
        self.key = key

    def get(self, path: str, **headers: str) -> Reply:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        return self._ask("POST", path, json.dumps(body), headers)

    def chat(self, model: str) -> Reply:
        messages = [{"role": "user", "content": "Is the lamp lit?"}]
        body = {"model": model, "messages": messages, "max_tokens": 8}
        return self.post("/v1/chat/completions", body)

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Reply:
        sent = {
            "Host": HOST,
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            **headers,
        }

        def exchange() -> Reply:
            connection = http.client.HTTPSConnection(HOST, timeout=20)
            plain = socket.create_connection((network.INSTANCE, 443), timeout=20)
            connection.sock = self.context.wrap_socket(plain, server_hostname=HOST)
            try:
                connection.request(method, path, body, sent)
                answer = connection.getresponse()
                text = answer.read().decode()
            finally:
                connection.close()
            return Reply(answer.status, {n.lower(): v for n, v in answer.getheaders()}, text)

        return network.within(network.CLOUD, exchange)
