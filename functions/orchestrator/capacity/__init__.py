"""What a deployment asks of the account: pools, memory, quotas, prices."""
