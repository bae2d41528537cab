"""`python tiny_model.py FOLDER`: a Qwen2 chat model of 1.2 million random weights (3 MB).

Made from code alone, the same bytes every time: a byte-level BPE trained on generated text, seeded
weights. Its answers are nonsense made of words, but they end, and constrained JSON closes. Runs in
vLLM's environment (torch, transformers), as a file.
"""

from __future__ import annotations

import json
import random
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VOCABULARY = 8192
HIDDEN = 64
SEED = 0
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Not "special": a parser of tool calls must still see them in the decoded text.
ADDED = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
_COMMON = (
    "the a an of to and in that it is was for on with as at by be this have from or one had not but"
    " what all were when we there can your which their said if do will each about how up out them"
    " then she many some so these would other into has more her two like him see time could no make"
    " than first been its who now people my made over did down only way find use may water long"
    " little very after words called just where most know get through back much model token server"
    " request stream health proxy route key timeout error retry batch engine memory cache weight"
    " hello world what is the capital of france paris list name age city json true false null"
    " string number array function tool weather location unit celsius arguments"
)
WORDS = _COMMON.split()

# ChatML with Hermes-style tools: fits vLLM's `--tool-call-parser hermes`.
CHAT_TEMPLATE = (
    "{%- if tools %}<|im_start|>system\n# Tools\n<tools>"
    "{% for tool in tools %}\n{{ tool | tojson }}{% endfor %}\n</tools><|im_end|>\n{% endif -%}"
    "{%- for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{%- if message['content'] is string %}{{ message['content'] }}"
    "{%- elif message['content'] %}{% for part in message['content'] %}"
    "{{ part['text'] if 'text' in part else '' }}{% endfor %}{% endif %}"
    "{%- if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>\n"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}\n'
    "</tool_call>{% endfor %}{% endif %}<|im_end|>\n{% endfor -%}"
    "{%- if add_generation_prompt %}<|im_start|>assistant\n{% endif -%}"
)


def main() -> None:
    folder = Path(sys.argv[1])
    tokenizer = _tokenizer()
    model = _model(tokenizer)
    model.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)


def _corpus() -> Iterator[str]:
    """Sentences of real words, of made-up words, JSON, and noise."""
    rng = random.Random(SEED)  # noqa: S311 - reproducible on purpose
    syllables = [
        c + v + d for c in "bcdfghklmnprstvz" for v in "aeiou" for d in ("", "n", "r", "s")
    ]
    made = ["".join(rng.choice(syllables) for _ in range(rng.randint(2, 3))) for _ in range(9000)]
    for i in range(6000):
        sentence = " ".join(rng.choice(WORDS) for _ in range(rng.randint(4, 14)))
        yield sentence.capitalize() + rng.choice(".?!:")
        yield " ".join(made[(3 * i + k) % len(made)] for k in range(3))
        if rng.random() < 0.3:  # noqa: PLR2004 - a share of the lines
            yield json.dumps({rng.choice(WORDS): rng.choice([rng.randint(0, 9999), None, True]),
                              rng.choice(WORDS): [rng.choice(WORDS)]})  # fmt: skip
        if rng.random() < 0.2:  # noqa: PLR2004 - a share of the lines
            yield "".join(rng.choice(string.printable) for _ in range(20))


def _tokenizer() -> Any:
    from tokenizers import (  # type: ignore[import-not-found]  # noqa: PLC0415
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        trainers,
    )
    from transformers import (  # type: ignore[import-not-found]  # noqa: PLC0415
        PreTrainedTokenizerFast,
    )

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(ADDED), special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    bpe.train_from_iterator(_corpus(), trainer)
    bpe.add_tokens(ADDED)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[2], pad_token=SPECIAL[0],
        model_max_length=1 << 20, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _model(tokenizer: Any) -> Any:
    import torch  # type: ignore[import-not-found]  # noqa: PLC0415
    from transformers import Qwen2Config, Qwen2ForCausalLM  # noqa: PLC0415

    start, _, end = (tokenizer.convert_tokens_to_ids(each) for each in SPECIAL)
    config = Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=HIDDEN, intermediate_size=4 * HIDDEN,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=16384, tie_word_embeddings=False, bos_token_id=start,
        eos_token_id=end, pad_token_id=start, dtype="bfloat16",
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                scale = 1.0 if "embed" in name else weight.shape[1] ** -0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * scale)
        _bias_words(model, torch.tensor(_biases(tokenizer)))
    model = model.to(torch.bfloat16)
    model.generation_config.eos_token_id = end
    return model


def _bias_words(model: Any, biases: Any) -> None:
    """A bias for each token, which a Qwen2 head lacks: hidden dimension 0 is a constant carrier."""
    model.model.embed_tokens.weight[:, 0] = 4.0
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight[0] = 0.0
        layer.mlp.down_proj.weight[0] = 0.0
    model.lm_head.weight[:, 0] = biases / 2.0


def _biases(tokenizer: Any) -> list[float]:
    """Words are likely, closing punctuation more so, broken bytes not; the end comes by itself."""
    biases = [_bias(tokenizer.decode([i])) for i in range(len(tokenizer))]
    biases += [-20.0] * (VOCABULARY - len(tokenizer))
    for token in (*SPECIAL, *ADDED):
        biases[tokenizer.convert_tokens_to_ids(token)] = -6.0
    biases[tokenizer.convert_tokens_to_ids(SPECIAL[2])] = 3.7
    return biases


def _bias(text: str) -> float:
    if text.strip() and not text.strip(' "}],:{[') and any(each in text for each in '"}],'):
        return 3.5
    if text[:1] == " " and text[1:] in WORDS:
        return 3.0
    return -6.0 if not text.strip() or "\ufffd" in text else 0.0


if __name__ == "__main__":
    main()
