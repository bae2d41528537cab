"""One question to a deployment, asked as its users ask: with the OpenAI SDK, streaming."""

from __future__ import annotations

from collections.abc import Callable

import openai

ANSWER_SECONDS = 60.0


def ask(origin: str, key: str, model: str, question: str, show: Callable[[str], None]) -> str:
    """Return the answer, showing its pieces as they arrive; raise openai.OpenAIError.

    origin: of the endpoint, without /v1; it is on this machine, so proxies are passed by.
    """
    with openai.OpenAI(
        base_url=f"{origin}/v1",
        api_key=key,
        max_retries=0,
        timeout=ANSWER_SECONDS,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as client:
        stream = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": question}], stream=True
        )
        pieces = []
        for chunk in stream:
            for choice in chunk.choices:
                piece = choice.delta.content or ""
                show(piece)
                pieces.append(piece)
    return "".join(pieces)
