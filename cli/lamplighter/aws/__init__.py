"""The installation in AWS: its account, workflows and ledger, and what AWS's errors mean."""
