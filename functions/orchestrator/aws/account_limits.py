"""Quotas and restrictions of an AWS account, by the error code that reports them."""

from __future__ import annotations

# code -> the quota to raise
QUOTAS = {
    "VcpuLimitExceeded": "the EC2 vCPU quota of this instance family",
    "InstanceLimitExceeded": "the EC2 instance quota",
    "MaxSpotInstanceCountExceeded": "the spot instance quota of this family, for G and VT "
    "'All G and VT Spot Instance Requests' (L-3819A6DF)",
    "VpcLimitExceeded": "'VPCs per Region' (L-F678F1CE)",
    "AddressLimitExceeded": "'EC2-VPC Elastic IPs' (L-0263D0A3)",
    "NatGatewayLimitExceeded": "'NAT gateways per Availability Zone' (L-FE5A380F)",
    "InternetGatewayLimitExceeded": "'Internet gateways per Region' (L-A4707A72)",
    "SubnetLimitExceeded": "'Subnets per VPC' (L-407747CB)",
    "RouteTableLimitExceeded": "'Route tables per VPC' (L-589F43AA)",
    "SecurityGroupLimitExceeded": "'VPC security groups per Region' (L-E79EC296)",
    "RulesPerSecurityGroupLimitExceeded": "'Inbound or outbound rules per security group' "
    "(L-0EA8095F), or allow fewer network.allowed_cidrs",
    "NetworkInterfaceLimitExceeded": "'Network interfaces per Region' (L-DF5E4CA3)",
    "VolumeLimitExceeded": "the EBS storage quota of gp3 volumes",
    "TooManyBuckets": "S3's 'General purpose buckets' (L-DC2B2D3D)",
    "ParameterLimitExceeded": "the number of SSM parameters, or delete unused ones",
    "AccountLimitExceededException": "CodeBuild's concurrently running builds",
    "LimitExceeded": "IAM's 'Roles per account' (L-FE177D64) or 'Instance profiles per account' "
    "(L-6E65F664)",
}
# botocore takes LimitExceededException for throttling; ECR's is the number of repositories. What
# IAM calls LimitExceeded, CloudWatch does too.
QUOTA_OF_OPERATION = {
    ("CreateRepository", "LimitExceededException"): "ECR's 'Registered repositories' (L-CFEB8E8D)",
    ("PutMetricAlarm", "LimitExceeded"): "CloudWatch's number of alarms per region",
}
# code -> what to do
RESTRICTIONS = {
    "PendingVerification": "AWS verifies this account: wait for its e-mail, or ask AWS Support",
    "Blocked": "the account is blocked: only AWS Support can lift that",
    "OptInRequired": "enable this region or service for the account, then start again",
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": "create the role once: "
    "aws iam create-service-linked-role --aws-service-name spot.amazonaws.com",
}
NO_BUILDS = (
    "AWS holds back CodeBuild in this account (usual for a new one), whatever number Service "
    "Quotas shows: only AWS Support lifts it; open a case, then start the workflow again"
)
