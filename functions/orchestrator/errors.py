"""Errors a Lambda may raise; their class names are the contract with statemachine/*.asl.yaml.

OrchestratorError
├── Pending                not there yet; the workflow retries
│   ├── LockHeld           another workflow works on this deployment; the workflow waits
│   └── Blocked            things that are not ours keep a teardown from ending; named by id
├── InvalidRequest         the execution input is wrong: nothing was created
├── NotFound               no deployment of that name
├── DeploymentExists       a live deployment differs from the request
├── ResourceConflict       something with our name exists and is not ours
├── Refused                AWS refuses, and waiting does not help: permission, quota, a parameter
│   └── AddressLimit       no second Elastic IP: traffic moves another way
├── InsufficientCapacity   AWS has no such instance right now
├── BuildFailed            the gateway image could not be built
├── HostFailed             the host reported that it cannot serve, with its cause
├── CanaryFailed           the new host of a change does not answer as it has to: traffic stays
├── HostLost               EC2 took the host away before it served; another one may do
├── Superseded             `desired` changed under this workflow, or it lost its lock: it must stop
├── Undelivered            the webhook does not take a notice
└── ResourcesLeft          a teardown ended with something still there: the message lists it
"""

from __future__ import annotations

import json


class OrchestratorError(Exception):
    """Base of every error raised on purpose."""


class Pending(OrchestratorError):
    """The resource exists, or is being made, but is not usable yet."""


class LockHeld(Pending):
    """Another running workflow holds this deployment's lock."""


class Blocked(Pending):
    """What is not ours holds something of ours: the message names it."""


class InvalidRequest(OrchestratorError):
    """The execution input does not describe a deployment."""


class NotFound(OrchestratorError):
    """No deployment has this name."""


class DeploymentExists(OrchestratorError):
    """A live deployment of this name differs from what is asked for."""


class ResourceConflict(OrchestratorError):
    """A resource carries our name but not our tag."""


class Refused(OrchestratorError):
    """AWS refused for a reason that waiting does not cure."""


class AddressLimit(Refused):
    """The account has no further Elastic IP for a host beside another one."""


class InsufficientCapacity(OrchestratorError):
    """AWS has no capacity for this instance type in these zones."""


class BuildFailed(OrchestratorError):
    """CodeBuild could not build or push the gateway image."""


class HostFailed(OrchestratorError):
    """The host reported a failure and its cause."""


class CanaryFailed(OrchestratorError):
    """A new host serves, but does not answer a prompt as it has to."""


class HostLost(OrchestratorError):
    """The instance was stopped or terminated before it served, though it was launched well."""


class Superseded(OrchestratorError):
    """Another workflow took over: this one must not act any more."""


class Undelivered(OrchestratorError):
    """The webhook refuses a notice, or does not answer; never with its URL, which is a secret."""


class ResourcesLeft(OrchestratorError):
    """Something of the deployment is still there after its teardown."""


def sentence(cause: str) -> str:
    """Return the message inside a Lambda error document, or the text as it is."""
    try:
        document = json.loads(cause)
    except ValueError:
        return cause
    if isinstance(document, dict):
        return str(document.get("errorMessage") or document.get("Cause") or cause)
    return cause
