"""The DynamoDB table: a deployment's rows, and the lock that says who may write them."""
