"""Read a document into frozen dataclasses whose fields carry their own JSON Schema.

One description serves three readers: the parser here, editors (spec.schema.json) and the table
of docs/specification.md. This room knows nothing of deployments.
"""
