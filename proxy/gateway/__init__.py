"""The Lamplighter gateway: the OpenAI API in front of vLLM.

The order of its rooms is in the import contract: [tool.importlinter] of the top pyproject.toml.
"""

VERSION = "0.1.0"
