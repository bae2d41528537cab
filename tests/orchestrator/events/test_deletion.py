"""The custom resource that answers CloudFormation when someone deletes the stack."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError
from orchestrator.events import deletion

MOST = 4096  # bytes of an answer that CloudFormation accepts
CONTEXT = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="id"
)
REQUEST = {"StackId": "stack", "RequestId": "request", "LogicalResourceId": "DeletionGuard"}


@pytest.fixture
def answers():
    """What arrives at CloudFormation's presigned URL: (content type, body)."""
    heard = []

    class Bucket(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append((self.headers["Content-Type"], body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield heard, f"http://127.0.0.1:{server.server_port}/answer"
        server.shutdown()
        thread.join()


@pytest.fixture
def ask(answers, workflow, monkeypatch):
    heard, url = answers
    monkeypatch.setattr(deletion, "aws", lambda: workflow.clients)

    def asked(kind):
        deletion.guard({**REQUEST, "RequestType": kind, "ResponseURL": url}, CONTEXT)
        return heard[-1]

    return asked


def put(workflow, *names):
    for name in names:
        item = {"pk": {"S": name}, "sk": {"S": "deployment"}, "status": {"S": "serving"}}
        workflow.clients.dynamodb.put_item(TableName=workflow.ledger.table, Item=item)


def test_the_answer_has_an_empty_content_type_as_the_url_is_signed(ask):
    kind, body = ask("Create")

    assert kind == ""
    assert json.loads(body) == {
        **REQUEST,
        "Status": "SUCCESS",
        "Reason": "no deployment is live",
        "PhysicalResourceId": "lamplighter-deletion-guard",
    }


def test_a_deletion_is_refused_by_the_names_of_what_is_live(ask, workflow):
    put(workflow, "beta", "alpha")

    answer = json.loads(ask("Delete")[1])

    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        "tear these deployments down first: alpha, beta (lamplighter down NAME)"
    )


def test_an_answer_about_many_deployments_fits(ask, workflow):
    put(workflow, *(f"a-name-of-24-characters-{n:03d}" for n in range(300)))

    _, body = ask("Delete")

    assert len(body) < MOST
    assert "a-name-of-24-characters-000, " in json.loads(body)["Reason"]
    assert " and 280 more (lamplighter down NAME)" in json.loads(body)["Reason"]


def test_an_unreadable_ledger_keeps_the_stack(ask, monkeypatch):
    def unreadable(*_):
        raise EndpointConnectionError(endpoint_url="dynamodb")

    monkeypatch.setattr(deletion, "names", unreadable)

    answer = json.loads(ask("Delete")[1])

    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("the ledger could not be read, so deployments may be live: ")
