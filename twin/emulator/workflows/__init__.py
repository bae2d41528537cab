"""Step Functions as on AWS, where ministack differs."""
