"""CloudFormation, CodeBuild, EventBridge and SSM as on AWS, where ministack differs."""
