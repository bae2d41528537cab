"""What every suite may use."""

pytest_plugins = ["awssim.fixtures"]
