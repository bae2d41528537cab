"""`python -m machine.lab.cloud.aws CERTIFICATE KEY JOURNAL ADDRESS`: moto under AWS's own names.

moto keeps no events and no metrics for a reader, so both are also written to JOURNAL: one JSON
line {"action", "body"} a call. It applies a bucket's policy without its conditions: ours denies
what comes without TLS, and here nothing does.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # moto misses parts of moto[server] that this use does not need
    from moto.iam.access_control import PermissionResult
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import FakeBucket

from werkzeug.serving import run_simple

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def main() -> None:
    certificate, key, journal, address = sys.argv[1:]
    FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
    run_simple(
        address,
        443,
        journalling(DomainDispatcherApplication(create_backend_app), Path(journal)),
        threaded=True,
        ssl_context=(certificate, key),
    )


def journalling(application: Application, journal: Path) -> Application:
    """Return the application that also writes down what the hosts tell."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        told = environ.get("HTTP_HOST", "").split(".")[0] in {"events", "monitoring"}
        if told and length:
            body = environ["wsgi.input"].read(length)
            environ["wsgi.input"] = BytesIO(body)
            with journal.open("a") as file:
                file.write(json.dumps(_line(environ, body)) + "\n")
        return application(environ, start_response)

    return wrapped


def _line(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return {"action": target.rpartition(".")[2], "body": json.loads(body)}
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return {"action": form.get("Action", ""), "body": form}


if __name__ == "__main__":
    main()
