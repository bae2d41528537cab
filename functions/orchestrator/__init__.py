"""The Lambda functions of Lamplighter: thin handlers, one module per AWS resource."""
