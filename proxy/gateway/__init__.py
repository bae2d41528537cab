"""The Lamplighter gateway: the OpenAI API in front of vLLM.

Its rooms, and who may import whom, are the layers in pyproject.toml ([tool.importlinter]).
"""

VERSION = "0.1.0"
