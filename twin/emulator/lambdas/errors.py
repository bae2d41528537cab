# ruff: noqa: SLF001 - ministack's private names are what this fix changes
"""A handler that raises reports AWS's error document, and its environment stays warm.

ministack reports every exception as `Runtime.HandlerError` and kills the worker; on AWS `errorType`
is the class name (what Retry and Catch match) and the execution environment survives.
"""

from __future__ import annotations

from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from twin.emulator.pinned import replaced, require

_FIX = "Lambda error documents"

_REPORT = (
    '_real_stdout.write(json.dumps({"status": "error", "error": str(e),'
    ' "trace": traceback.format_exc()}) + "\\n")'
)
# "ok" keeps the worker alive; `_invoke` below turns the document into an error again.
_REPORT_AS_AWS = """_real_stdout.write(json.dumps({"status": "ok", "error_document": {
                "errorMessage": str(e), "errorType": type(e).__name__,
                "requestId": context.aws_request_id,
                "stackTrace": traceback.format_tb(e.__traceback__)}}) + "\\n")
            sys.stderr.write(traceback.format_exc())
            sys.stderr.flush()"""

_HEADER = 'params["headers"]["__DEPTH_HEADER__"] = depth'
_OWN_HEADER = 'params["headers"]["X-Lamplighter-Worker"] = str(os.getpid())'


def install() -> None:
    """Patch the worker's script, its caller, and the executor that honours error documents."""
    script = lambda_runtime._PYTHON_WORKER_SCRIPT
    script = replaced(script, _REPORT, _REPORT_AS_AWS, fix=_FIX)
    lambda_runtime._PYTHON_WORKER_SCRIPT = _with_worker_header(script)
    require(holds=callable(lambda_svc._execute_function_provided_warm), fix=_FIX)
    lambda_svc._execute_function_warm = lambda_svc._execute_function_provided_warm
    lambda_runtime.Worker.invoke = _reporting(lambda_runtime.Worker.invoke)
    # How long to wait for log lines: for the first one, after the last one, in all.
    drain = lambda_runtime.Worker._drain_stderr_bounded
    require(holds=drain.__defaults__ == (0.050, 0.005, 0.250), fix="worker logs")
    drain.__defaults__ = (0.015, 0.005, 0.250)


def _with_worker_header(script: str) -> str:
    """Let every API call of a worker say which process made it: the faults need to know."""
    header = _HEADER.replace("__DEPTH_HEADER__", lambda_runtime.INVOKE_DEPTH_HEADER)
    line = f"            {header}\n"
    return replaced(script, line, f"{line}        {_OWN_HEADER}\n", fix="worker header")


def _reporting(invoke: Any) -> Any:
    """`Worker.invoke` with error documents, and the recursion depth that its new caller omits."""

    def call(worker: Any, event: Any, request_id: str, **options: Any) -> dict[str, Any]:
        options.setdefault("depth", lambda_svc._invoke_depth.get())
        options.setdefault("durable", lambda_svc._durable_env_overlay())
        answer: dict[str, Any] = invoke(worker, event, request_id, **options)
        if document := answer.get("error_document"):
            return {**answer, "status": "error", "error_payload": document}
        return answer

    return call
