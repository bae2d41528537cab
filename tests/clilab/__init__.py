"""What the CLI's tests stand on: moto keeps the ledger, the workflows are scripted."""
