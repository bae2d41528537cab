"""The queries that panels are made of: the gateway's in PromQL, the others of CloudWatch."""

from __future__ import annotations

from dashboards.panels import CloudWatch, Prometheus

# The dashboard of CloudWatch asks its reader for the deployment, and puts the name in its place.
DEPLOYMENT = "deployment-name"
INSTALLATION = "${AWS::StackName}"
OF_CALLERS = 'operation!="probe"'
RATE = "[$__rate_interval]"
COUNTED = f"inference_gateway_requests_total{{{OF_CALLERS}}}"
FAILED = 'inference_gateway_requests_total{operation!="probe",status=~"5.."}'


def host(metric: str, statistic: str) -> CloudWatch:
    """What the agent of a host sends."""
    dimensions = (("Deployment", DEPLOYMENT),)
    return CloudWatch(f"Lamplighter/{DEPLOYMENT}", metric, statistic, dimensions)


def repair(metric: str, statistic: str) -> CloudWatch:
    """What the orchestrator writes of a deployment."""
    dimensions = (("Installation", INSTALLATION), ("Deployment", DEPLOYMENT))
    return CloudWatch("Lamplighter", metric, statistic, dimensions)


def orchestrator(metric: str) -> CloudWatch:
    """What the orchestrator counts in the whole installation."""
    return CloudWatch("Lamplighter", metric, "Sum", (("Installation", INSTALLATION),))


def rate(metric: str, by: str, label: str) -> Prometheus:
    selected = f"inference_gateway_{metric}_total"
    return Prometheus(f"sum by ({by}) (rate({selected}{RATE}))", label)


def quantiles(metric: str) -> tuple[Prometheus, ...]:
    buckets = f"rate(inference_gateway_{metric}_bucket{{{OF_CALLERS}}}{RATE})"
    return tuple(
        Prometheus(f"histogram_quantile({share / 100}, sum by (le) ({buckets}))", f"p{share}")
        for share in (50, 95, 99)
    )
