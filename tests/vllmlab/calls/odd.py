"""Requests that are spelled oddly, or wrong."""

from __future__ import annotations

import random

from vllmlab.calls import good
from vllmlab.calls.call import (
    CHAT,
    COMPLETIONS,
    MESSAGES,
    RESPONSES,
    Body,
    Call,
    Family,
    post,
    turns,
)

_NUMBERS = (
    "10.0",
    '"10"',
    '" 10 "',
    '"10.0"',
    "1e1",
    "true",
    "null",
    '"1_0"',
    "10.5",
    '"ten"',
    "[]",
)
_SWITCHES = ("0", "1", "1.0", "0.0", '"off"', '"on"', '"TRUE"', '"f"', '"n"', '"0"', "null", "2",
             '"maybe"', "{}", '" true "', '""')  # fmt: skip


def lenient(chance: random.Random) -> Call:
    """Write the fields that the gateway reads in every way that an engine may take."""
    path = chance.choice((CHAT, COMPLETIONS, RESPONSES, MESSAGES))
    names = {RESPONSES: "max_output_tokens"}
    fields = {names.get(path, "max_tokens"): '"8"' if chance.random() < 0.5 else "8"}
    for name in chance.sample(["most", "stream", "n", "options"], chance.randint(1, 2)):
        if name == "most":
            fields[names.get(path, "max_tokens")] = chance.choice(_NUMBERS)
        elif name == "stream":
            fields["stream"] = chance.choice(_SWITCHES)
        elif name == "n":
            fields["n"] = chance.choice(("1.0", '"1"', "null", "1.5"))
        else:
            fields |= {"stream": '"true"'}
            fields["stream_options"] = f'{{"include_usage":{chance.choice(_SWITCHES)}}}'
    return _written(path, fields)


def _written(path: str, fields: dict[str, str]) -> Call:
    asked = {
        CHAT: '"messages":[{"role":"user","content":"hello"}]', COMPLETIONS: '"prompt":"hello"',
        RESPONSES: '"input":"hello","store":false',
        MESSAGES: '"messages":[{"role":"user","content":"hello"}]',
    }[path]  # fmt: skip
    written = "".join(f',"{name}":{value}' for name, value in fields.items())
    return Call("POST", path, f'{{"model":"tiny","temperature":0,{asked}{written}}}'.encode())


def odd(chance: random.Random) -> Call:
    """Spell a good request oddly."""
    plain = good.chat(chance).body
    stream = b',"stream":true}'
    return Call("POST", CHAT, chance.choice((
        b"\xef\xbb\xbf" + plain, b" \r\n\t" + plain + b"\n",
        plain.replace(b"model", b"mod\\u0065l"),
        plain[:-1] + b',"max_tokens":3,"max_tokens":2}',
        plain[:-1] + b',"unknown":{"x":[1e400,-0]}}',
        plain[:-1] + b',"n":1,"model":"tiny"}', plain[:-1] + b',"stre\\u0061m":true}',
        b"\xef\xbb\xbf" + plain[:-1] + stream, plain[:-1] + b',"x":"\\ud800"' + stream,
        plain[:-1] + b',"stream_options":{"include_usage":true,"x":{}}' + stream,
        plain.replace(b'{"model"', b'{"":0,"model"'), plain.decode().encode("utf-16"),
        plain[:-1] + b',"x":NaN}', plain[:-1] + b',"x":' + b"[" * 100 + b"]" * 100 + b"}",
    )))  # fmt: skip


def wrong(chance: random.Random) -> Call:
    fields: tuple[Body, ...] = (
        {"messages": "no"}, {"messages": []}, {"max_tokens": -1}, {"max_tokens": 0}, {"n": 0},
        {"temperature": 9}, {"temperature": "hot"}, {"top_p": 2}, {"logit_bias": {"999999": 1}},
        {"stream_options": {"include_usage": True}}, {"tools": [{"type": "function"}]},
        {"tool_choice": "required"}, {"response_format": {"type": "json_schema"}}, {"stop": 5},
        {"max_tokens": 20_000}, {"messages": [{"role": "user", "content": "the model " * 8000}]},
        {"messages": [{"content": "x"}]}, {"logprobs": "many"}, {"seed": 2**70},
        {"model": ["tiny"]}, {"messages": None}, {"top_logprobs": 3}, {"min_tokens": 30},
        {"structured_outputs": {}},
        {"add_generation_prompt": True, "continue_final_message": True}, {"priority": 3},
    )  # fmt: skip
    streamed = chance.choice(({}, {"stream": True}))
    return good.chat(chance, **(streamed | chance.choice(fields)))


def wrong_elsewhere(chance: random.Random) -> Call:
    return chance.choice((
        post(COMPLETIONS, {"prompt": None}), post(COMPLETIONS, {"prompt": [[]]}),
        post(COMPLETIONS, {"prompt": "x", "logprobs": 99}), post(COMPLETIONS, {}),
        post(RESPONSES, {}), post(RESPONSES, {"input": "x", "previous_response_id": "no"}),
        post(RESPONSES, {"input": "x", "max_output_tokens": -1}), post(MESSAGES, {}),
        post(MESSAGES, {"messages": []}),
        post(MESSAGES, {"messages": "no", "max_tokens": 5}), post("/tokenize", {}),
        post(MESSAGES, {"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}),
        post("/detokenize", {"tokens": "x"}), post("/v1/embeddings", {"input": "x"}),
        post("/score", {"text_1": "a", "text_2": "b"}), post("/pooling", {"input": "x"}),
        post(f"{CHAT}/batch", {"messages": [[]]}), Call("GET", "/v1/responses/resp_no", kind=""),
    ))  # fmt: skip


def strangers(chance: random.Random) -> Call:
    """Ask for a model that is not there, by a path or method that is none, in no JSON."""
    return chance.choice((
        post(CHAT, {"model": "nope", "messages": turns(chance)}),
        post(MESSAGES, {"model": "nope", "messages": turns(chance), "max_tokens": 5}),
        post(COMPLETIONS, {"model": "nope", "prompt": "x", "stream": True}),
        Call("GET", CHAT, kind=""), Call("DELETE", "/v1/models", kind=""),
        Call("POST", "/v1/nothing", b"{}"), Call("POST", CHAT, b"{}", "text/plain"),
        Call("POST", CHAT, b'{"model":'), Call("POST", CHAT, b"[]"), Call("POST", CHAT, b""),
        Call("POST", CHAT, b'"x"'), Call("POST", MESSAGES, b"{} {}"),
    ))  # fmt: skip


FAMILIES: tuple[Family, ...] = (lenient, lenient, odd, wrong, wrong_elsewhere, strangers)
