"""What a host is launched with: its images, its files and its EC2 request."""
