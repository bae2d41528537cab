"""What is around the machine: its network, name servers, AWS, metadata, registry, authority."""
