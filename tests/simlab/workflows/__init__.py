"""Step Functions in virtual time: the language of our definitions, and their executions."""
