"""Requests that an engine answers: greedy, or with a seed, so that it answers each alike."""

from __future__ import annotations

import random
from typing import Any

from vllmlab.calls.call import (
    CHAT,
    COMPLETIONS,
    MESSAGES,
    RESPONSES,
    Body,
    Call,
    Family,
    post,
    text,
    turns,
)

_CITY = {
    "type": "object",
    "additionalProperties": False,
    "required": ["city"],
    "properties": {"city": {"enum": ["Paris", "Rome"]}},
}
_TOOL = {
    "type": "function",
    "function": {"name": "get_weather", "description": "The weather", "parameters": _CITY},
}


def _length(chance: random.Random) -> int:
    return chance.choice((1, 8, 12, 20))


def _options(chance: random.Random) -> Body:
    """Return options that change an answer and leave it repeatable."""
    options = {
        "stop": chance.choice(["the", ["a", "of"], []]), "min_tokens": 1, "top_k": 5,
        "frequency_penalty": 0.5, "presence_penalty": -0.5, "repetition_penalty": 1.2,
        "ignore_eos": True, "seed": 2**62, "logit_bias": {"100": 5}, "user": "u\u00e9",
        "skip_special_tokens": False, "include_stop_str_in_output": True, "top_p": 0.9,
        "stop_token_ids": [7], "bad_words": ["the"], "metadata": {"a": [1e3, 2**70]},
        "return_token_ids": True, "return_tokens_as_token_ids": True,
    }  # fmt: skip
    chosen = chance.sample(list(options), chance.randint(0, 5))
    return {"temperature": 0} | {name: options[name] for name in chosen}


def _streamed(chance: random.Random) -> Body:
    choices: tuple[Body, ...] = (
        {},
        {"stream_options": {"include_usage": True}},
        {"stream_options": {"include_usage": False}},
        {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
        {"stream_options": {"continuous_usage_stats": True}},
        {"stream_options": None},
        {"stream_options": {}},
    )
    return {"stream": True} | chance.choice(choices)


def chat(chance: random.Random, **more: Any) -> Call:
    body = {"messages": turns(chance), "max_tokens": _length(chance)} | _options(chance)
    return post(CHAT, body, **more)


def chat_stream(chance: random.Random) -> Call:
    return chat(chance, **_streamed(chance))


def completion(chance: random.Random, **more: Any) -> Call:
    prompt = chance.choice([text(chance), [text(chance), text(chance)], [5, 6, 7], [[5], [6]]])
    body = {"prompt": prompt, "max_tokens": _length(chance)} | _options(chance)
    return post(COMPLETIONS, body, **more)


def completion_stream(chance: random.Random) -> Call:
    return completion(chance, **_streamed(chance))


def response(chance: random.Random, **more: Any) -> Call:
    given = chance.choice([text(chance), turns(chance)])
    body = {"input": given, "max_output_tokens": _length(chance), "temperature": 0}
    return post(RESPONSES, body, store=False, **more)


def response_stream(chance: random.Random) -> Call:
    return response(chance, stream=True)


def message(chance: random.Random, **more: Any) -> Call:
    spoken = [turn for turn in turns(chance) if turn["role"] != "system"]
    body = {"messages": spoken, "max_tokens": _length(chance), "temperature": 0}
    system = chance.choice([{}, {"system": text(chance)}, {"stop_sequences": ["the"]}])
    return post(MESSAGES, body, **system, **more)


def message_stream(chance: random.Random) -> Call:
    return message(chance, stream=True)


def counted(chance: random.Random) -> Call:
    return post(f"{MESSAGES}/count_tokens", {"messages": [{"role": "user", "content": "a b"}]},
                 max_tokens=5, system=text(chance))  # fmt: skip


def tokens(chance: random.Random) -> Call:
    return chance.choice((
        post("/tokenize", {"prompt": text(chance)}, return_token_strs=True),
        post("/tokenize", {"messages": turns(chance)}, add_generation_prompt=False),
        post("/detokenize", {"tokens": chance.choices(range(300, 2000), k=5)}),
        post("/detokenize", {"tokens": [10**9]}),
    ))  # fmt: skip


def listed(chance: random.Random) -> Call:
    return Call("GET", chance.choice(("/v1/models", "/version")), kind="")


def tools(chance: random.Random) -> Call:
    named = {"type": "function", "function": {"name": "get_weather"}}
    choice = chance.choice(("auto", "required", "none", named))
    streamed = chance.choice(({}, _streamed(chance)))
    return chat(chance, tools=[_TOOL], tool_choice=choice, max_tokens=120, stop=None, **streamed)


def logprobs(chance: random.Random) -> Call:
    streamed = chance.choice(({}, _streamed(chance)))
    if chance.random() < 0.5:
        return completion(chance, logprobs=chance.choice((0, 2)), **streamed)
    return chat(chance, logprobs=True, top_logprobs=chance.choice((0, 3)), **streamed)


def structured(chance: random.Random) -> Call:
    wanted = chance.choice((
        {"response_format": {"type": "json_schema", "json_schema": {"name": "c", "schema": _CITY}}},
        {"structured_outputs": {"choice": ["Paris", "Rome"]}},
        {"structured_outputs": {"regex": "[a-c]{4}"}},
        {"response_format": {"type": "text"}},
    ))  # fmt: skip
    streamed = chance.choice(({}, _streamed(chance)))
    return chat(chance, max_tokens=60, bad_words=[], stop=None, **wanted, **streamed)


def echo(chance: random.Random) -> Call:
    more = chance.choice(({}, {"prompt_logprobs": 1}, {"logprobs": 1}, _streamed(chance)))
    return completion(chance, echo=True, **more)


def choices(chance: random.Random) -> Call:
    several = {"n": chance.choice((2, 3)), "temperature": 0.7, "seed": 7, "top_p": 1, "top_k": 0}
    streamed = chance.choice(({}, _streamed(chance)))
    return chance.choice((chat, completion))(chance, **several, **streamed)


def beams(chance: random.Random) -> Call:
    body = {"use_beam_search": True, "n": 2, "max_tokens": 6, "temperature": 0}
    path, asked = chance.choice(
        ((CHAT, {"messages": turns(chance)}), (COMPLETIONS, {"prompt": "a"}))
    )
    return post(path, asked, **body)


def batch(chance: random.Random) -> Call:
    both = [turns(chance), turns(chance)]
    return post(f"{CHAT}/batch", {"messages": both}, max_tokens=5, temperature=0)


FAMILIES: tuple[Family, ...] = (
    chat, chat_stream, completion, completion_stream, response, response_stream, message,
    message_stream, counted, tokens, listed, tools, logprobs, structured, echo, choices, beams,
    batch,
)  # fmt: skip
