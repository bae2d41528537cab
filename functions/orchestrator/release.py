"""The release of Lamplighter that this code belongs to, as the packages and the stack name it."""

RELEASE = "0.1.0"
