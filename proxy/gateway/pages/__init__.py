"""What people and monitors read: health, status, metrics, the API description."""
