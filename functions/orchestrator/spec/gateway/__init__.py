"""The gateway's section of a specification: what of its settings a deployment decides."""
