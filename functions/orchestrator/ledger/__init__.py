"""The DynamoDB table: a deployment's rows, and the lock whose owner may write them."""
