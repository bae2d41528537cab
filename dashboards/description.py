"""The panels of every dashboard. `make dashboards` writes the dashboards from here."""

from __future__ import annotations

from dashboards.panels import CloudWatch, Panel, Prometheus, Row
from dashboards.queries import (
    COUNTED,
    FAILED,
    OF_CALLERS,
    RATE,
    host,
    orchestrator,
    quantiles,
    rate,
    repair,
)

ROWS = (
    Row(
        "Is it served?",
        (
            Panel(
                "Serving",
                "count",
                "1 while a model server answers. At 0, `lamplighter status` says why.",
                prometheus=(
                    Prometheus("max(inference_gateway_backend_up)", "serving"),
                    Prometheus("max(inference_gateway_fallback_up)", "a fallback"),
                    Prometheus("max(inference_gateway_settings_refused)", "settings refused"),
                ),
                cloudwatch=(host("Serving", "Maximum"),),
            ),
            Panel(
                "Failed requests",
                "share",
                "Share of the callers' requests that ended with a status of 5xx.",
                prometheus=(
                    Prometheus(f"sum(rate({FAILED}{RATE})) / sum(rate({COUNTED}{RATE}))", "5xx"),
                ),
            ),
            Panel(
                "At work and waiting",
                "count",
                "Requests that the model server works on, and that wait in the gateway's queue.",
                prometheus=(
                    Prometheus("sum(inference_gateway_in_flight)", "in flight"),
                    Prometheus("sum(inference_gateway_queued)", "queued"),
                ),
            ),
            Panel(
                "Heartbeat",
                "count",
                "Minutes in which a host reported. A gap raises the alarm `heartbeat`.",
                cloudwatch=(host("Heartbeat", "Sum"),),
            ),
            Panel(
                "Local repairs",
                "count",
                "Restarts of the host's own services in the last half hour.",
                cloudwatch=(host("LocalRepairs", "Maximum"),),
            ),
        ),
    ),
    Row(
        "Requests",
        (
            Panel(
                "Requests by status",
                "per second",
                "What callers were answered; 499: the caller left.",
                prometheus=(Prometheus(f"sum by (status) (rate({COUNTED}{RATE}))", "{{status}}"),),
            ),
            Panel(
                "Errors by kind",
                "per second",
                "The gateway's own names of what went wrong.",
                prometheus=(
                    Prometheus(
                        "sum by (error) (rate(inference_gateway_requests_total"
                        f'{{{OF_CALLERS},error!=""}}{RATE}))',
                        "{{error}}",
                    ),
                ),
            ),
            Panel(
                "Requests by key",
                "per second",
                "The ten busiest API keys, by their ids.",
                prometheus=(
                    Prometheus(f"topk(10, sum by (key) (rate({COUNTED}{RATE})))", "{{key}}"),
                ),
            ),
            Panel(
                "Not as asked",
                "per second",
                "Requests sent a second time, or to a fallback; callers that left; broken streams.",
                prometheus=(
                    rate("retries", "model", "retries {{model}}"),
                    rate("failovers", "reason", "other backend {{reason}}"),
                    rate("fallbacks", "backend", "fallback {{backend}}"),
                    rate("client_left", "model", "left {{model}}"),
                    rate("streams_incomplete", "model", "incomplete {{model}}"),
                ),
            ),
            Panel(
                "Tokens",
                "per second",
                "Tokens read and written, by model.",
                prometheus=(rate("tokens", "model, type", "{{type}} {{model}}"),),
            ),
            Panel(
                "Model servers",
                "count",
                "Requests that each one works on, and how often it failed in five minutes.",
                prometheus=(
                    Prometheus("inference_gateway_backend_outstanding", "at work {{backend}}"),
                    Prometheus(
                        "increase(inference_gateway_backend_failures_total[5m])",
                        "failed {{backend}}",
                    ),
                ),
            ),
        ),
    ),
    Row(
        "Speed",
        (
            Panel(
                "Time to first token",
                "seconds",
                "Of streams, from the request to the first bytes of the answer.",
                prometheus=quantiles("time_to_first_token_seconds"),
            ),
            Panel(
                "Time per output token",
                "seconds",
                "Of streams, after the first one.",
                prometheus=quantiles("time_per_output_token_seconds"),
            ),
            Panel(
                "Time in the queue",
                "seconds",
                "Before a model server took the request: more of it means too little capacity.",
                prometheus=quantiles("queue_seconds"),
            ),
            Panel(
                "Whole requests",
                "seconds",
                "From the request to the last byte.",
                prometheus=quantiles("request_duration_seconds"),
            ),
        ),
    ),
    Row(
        "The host",
        (
            Panel(
                "Disk and memory",
                "percent",
                "Used. Above 90, the alarm `disk` is raised.",
                cloudwatch=(host("DiskUsed", "Maximum"), host("MemoryUsed", "Maximum")),
            ),
            Panel(
                "GPU",
                "percent",
                "Memory and time in use.",
                cloudwatch=(host("GpuMemoryUsed", "Maximum"), host("GpuUtilization", "Average")),
            ),
            Panel(
                "GPU errors",
                "count",
                "GPUs that are missing, and errors in the kernel's log.",
                cloudwatch=(host("GpusMissing", "Maximum"), host("GpuXids", "Maximum")),
            ),
            Panel(
                "Certificate",
                "days",
                "Until it ends. It is renewed with 30 days left; below 14 the alarm is raised.",
                cloudwatch=(host("CertificateDaysLeft", "Minimum"),),
            ),
        ),
    ),
    Row(
        "Repairs",
        (
            Panel(
                "Incidents",
                "count",
                "All, and those that no repair ended: `lamplighter incidents` has the causes.",
                cloudwatch=(repair("Incidents", "Sum"), repair("IncidentsNotRepaired", "Sum")),
            ),
            Panel(
                "Time to detection and to repair",
                "seconds",
                "From the first sign of the fault to the start of its repair, and to the end.",
                cloudwatch=(
                    repair("TimeToDetection", "Average"),
                    repair("TimeToRepair", "Average"),
                ),
            ),
            Panel(
                "Seconds unserved",
                "seconds",
                "Without an answer to probes from outside, by incident.",
                cloudwatch=(repair("SecondsUnserved", "Sum"),),
            ),
        ),
    ),
    Row(
        "The installation",
        (
            Panel(
                "Workflows",
                "count",
                "Repairs asked for; workflows, looks every minute and wakes that failed.",
                cloudwatch=(
                    orchestrator("RepairRequested"),
                    orchestrator("WorkflowFailed"),
                    orchestrator("ReconciliationFailed"),
                    orchestrator("WakeFailed"),
                ),
            ),
            Panel(
                "Reports of hosts",
                "count",
                "Ignored are those of a wrong instance, an old generation or a wrong form.",
                cloudwatch=(orchestrator("HostReport"), orchestrator("HostReportIgnored")),
            ),
            Panel(
                "Events that could not be delivered",
                "count",
                "They wait in the dead-letter queue.",
                cloudwatch=(
                    CloudWatch(
                        "AWS/SQS",
                        "ApproximateNumberOfMessagesVisible",
                        "Maximum",
                        (("QueueName", "${DeadLetters.QueueName}"),),
                    ),
                ),
            ),
        ),
    ),
)
