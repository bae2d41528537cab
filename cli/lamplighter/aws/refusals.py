"""What AWS's and botocore's errors mean to the operator."""

from __future__ import annotations

from botocore import exceptions as aws_errors

from lamplighter.errors import Unavailable

# No answer at all, as opposed to a no: it may come when asked again.
Silence = (aws_errors.HTTPClientError, aws_errors.ConnectionError)
AwsError = (aws_errors.BotoCoreError, aws_errors.ClientError)
NOT_ALLOWED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}
_NOT_KNOWN = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_LOG_IN = (
    "run `aws login`, `aws sso login` or `aws configure`, or name a profile with --profile or "
    "AWS_PROFILE"
)


def explain(error: Exception) -> Unavailable:
    """Return what AWS's or botocore's error means to the operator: what, which, what to do."""
    return Unavailable(_sentence(error), name=code(error) or type(error).__name__)


def code(error: Exception) -> str:
    """Return AWS's error code; empty for an error that AWS did not send."""
    return error.response["Error"]["Code"] if isinstance(error, aws_errors.ClientError) else ""


def _sentence(error: Exception) -> str:
    match error:
        case aws_errors.ClientError():
            return _refusal(error)
        case aws_errors.NoRegionError():
            return "no AWS region is set: pass --region, or set AWS_REGION"
        case aws_errors.ProfileNotFound():
            return (
                f"{error}: name another with --profile or AWS_PROFILE "
                "(`aws configure list-profiles`), or run `aws configure`"
            )
        case aws_errors.HTTPClientError() | aws_errors.ConnectionError():
            return f"AWS is not reachable: {error}: check the network, --region and proxy settings"
    return _of_the_client(error)


def _of_the_client(error: Exception) -> str:
    match error:
        case aws_errors.NoCredentialsError() | aws_errors.PartialCredentialsError():
            return f"no usable AWS credentials were found: {_LOG_IN}"
        case aws_errors.MissingDependencyException():
            return (
                "these credentials come from `aws login`, which needs the Python package awscrt: "
                "run `pip install 'boto3[crt]'` in Lamplighter's environment"
            )
        case aws_errors.LoginInsufficientPermissions():
            return f"the AWS login may not be used: {error}"
        case aws_errors.LoginError():
            return "the AWS login has ended: run `aws login`"
        case aws_errors.SSOError() | aws_errors.TokenRetrievalError():
            return f"the AWS login has ended: {_LOG_IN}"
    return f"the AWS client failed: {error}"


def _refusal(error: aws_errors.ClientError) -> str:
    message, refusal = error.response["Error"].get("Message", ""), code(error)
    if refusal in NOT_ALLOWED:
        return f"AWS does not allow {error.operation_name} to these credentials: {message}"
    if refusal in _NOT_KNOWN:
        return f"AWS does not accept these credentials ({refusal}): {_LOG_IN}"
    return f"AWS refused {error.operation_name} ({refusal}): {message}"
