"""What engines, docker and NVIDIA's toolkit were seen to write, and what is made of it."""

from __future__ import annotations

import pytest
from host.machine import causes

KNOWN = [
    (
        (
            "(EngineCore_DP0 pid=9) ValueError: To serve at least one request with the "
            "models's max seq len (262144), (24.0 GiB KV cache is needed, which is larger "
            "than the available KV cache memory (3.18 GiB). Based on the available memory, "
            "the estimated maximum model length is 34736. Try increasing "
            "`gpu_memory_utilization` or decreasing `max_model_len`"
        ),
        ["262144", "set engine.max_model_len to 34736 or less"],
    ),
    (
        (
            "ValueError: The model's max seq len (4096) is larger than the maximum number "
            "of tokens that can be stored in KV cache (3664). Try increasing "
            "`gpu_memory_utilization`"
        ),
        ["4096", "set engine.max_model_len to 3664 or less"],
    ),
    (
        (
            "ValueError: To serve at least one request with the models's max seq len "
            "(1048576), (24.00 GiB KV cache is needed, which is larger than the available "
            "KV cache memory (9.97 GiB)."
        ),
        ["lower engine.max_model_len"],
    ),
    (
        (
            "  Value error, User-specified max_model_len (40000) is greater than the "
            "derived max_model_len (max_position_embeddings=32768 or model_max_length=None "
            "in model's config"
        ),
        ["the model's context is 32768 tokens, engine.max_model_len asks for 40000"],
    ),
    (
        (
            "ValueError: Free memory on device cuda:0 (3.02/22.03 GiB) on startup is less "
            "than desired GPU memory utilization (0.9, 19.83 GiB). Decrease GPU memory "
            "utilization"
        ),
        ["only 3.02 of the GPU's 22.03 GiB are free", "engine.gpu_memory_utilization"],
    ),
    (
        (
            "ValueError: Free memory on device cuda:0 (3.02/22.03 GiB) on startup is less than the "
            "engine's budget after excluding external process's weights (0.9, 19.83 GiB)."
        ),
        ["only 3.02 of the GPU's 22.03 GiB are free", "engine.gpu_memory_utilization"],
    ),
    (
        (
            "ValueError: Available memory on node 0 (12.1/15.4 GiB) on startup is less than "
            "desired CPU memory utilization (0.9, 13.86 GiB). On the CPU backend, the"
        ),
        ["only 12.1 of the machine's 15.4 GiB memory", "lower it"],
    ),
    (
        (
            "ValueError: No available memory for the cache blocks. Try increasing "
            "`gpu_memory_utilization` when initializing the engine."
        ),
        ["raise engine.gpu_memory_utilization"],
    ),
    (
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a"),
        ["lower engine.max_model_len", "instance.type"],
    ),
    (
        ("OSError: You are trying to access a gated repo.\nMake sure to have access to it at"),
        ["the model is gated: accept its licence"],
    ),
    (
        (
            "RepositoryNotFoundError: 401 Client Error. Repository Not Found for url: http://hub. "
            "If you are trying to access a private or gated repo, make sure you are authenticated."
        ),
        ["the model does not exist, or is private"],
    ),
    (
        (
            "huggingface_hub.errors.HfHubHTTPError: 401 Client Error. Invalid credentials "
            "in Authorization header"
        ),
        ["Hugging Face refuses the token", "engine.hf_token_parameter"],
    ),
    (
        (
            "OSError: org/nothing is not a local folder and is not a valid model "
            "identifier listed on 'https://huggingface.co/models'"
        ),
        ["correct `model`"],
    ),
    (
        (
            "Value error, The repository org/odd contains custom code which must be "
            "executed to correctly load the model. Please pass the argument "
            "`trust_remote_code=True`"
        ),
        ["brings code of its own", "--trust-remote-code in engine.arguments"],
    ),
    (
        (
            "RuntimeError: Failed to load the model config. If the model is a custom model not yet "
            "available in the HuggingFace transformers library, consider setting "
            "`trust_remote_code=True` in LLM or using the `--trust-remote-code` flag in the CLI."
        ),
        ["brings code of its own", "--trust-remote-code in engine.arguments"],
    ),
    (
        (
            "ValueError: Model architecture MllamaForConditionalGeneration was supported in vLLM "
            "until v0.10.2, and is not supported anymore. Please use an older version of vLLM"
        ),
        ["MllamaForConditionalGeneration", "an engine.image of vLLM 0.10.2"],
    ),
    (
        (
            "ValueError: Model architecture BartForConditionalGeneration is not supported in-tree "
            "anymore. Please install the plugin at https://github.com/vllm-project/bart-plugin"
        ),
        ["BartForConditionalGeneration needs a plugin"],
    ),
    (
        "ValueError: Model architectures ['ANew', 'BNew'] are not supported for now. Supported",
        ["choose a newer engine.image"],
    ),
    (
        ("ValueError: Model architectures ['NewForCausalLM'] are not supported for now. Supported"),
        ["choose a newer engine.image"],
    ),
    (
        "KeyError: 'invalid tool call parser: hermse (chose from { granite,hermes })'",
        ["no tool call parser hermse", "engine.tool_call_parser"],
    ),
    (
        "api_server.py: error: unrecognized arguments: --no-such-flag 3",
        ["does not know the flags --no-such-flag 3", "engine.arguments"],
    ),
    (
        "vllm serve: error: ambiguous option: --max-num could match --max-num-seqs, --max-num-x",
        ["--max-num is short for more than one flag", "engine.arguments"],
    ),
    (
        ("vllm serve: error: argument --max-model-len: invalid human_readable_int value: 'x'"),
        ["refuses --max-model-len", "correct that setting of `engine`"],
    ),
    (
        "vllm serve: error: argument --tensor-parallel-size/-tp: invalid int value: 'x'",
        ["refuses --tensor-parallel-size", "correct that setting of `engine`"],
    ),
    (
        "vllm serve: error: argument --quantization/-q: expected one argument",
        ["refuses --quantization (expected one argument)", "correct it in engine.arguments"],
    ),
    (
        "vllm serve: error: argument --kv-cache-dtype: invalid choice: 'nope' (choose from 'auto')",
        ["refuses --kv-cache-dtype", "correct it in engine.arguments"],
    ),
    (
        "KeyError: 'invalid reasoning parser: qwen9 (chose from { deepseek_r1,qwen3 })'",
        ["no reasoning parser qwen9", "engine.arguments"],
    ),
    (
        (
            "ValueError: Total number of attention heads (14) must be divisible by tensor "
            "parallel size (4)."
        ),
        ["14 attention heads cannot be shared by 4 GPUs", "engine.tensor_parallel_size"],
    ),
    (
        (
            "ValueError: World size (4) is larger than the number of available GPUs (1) in "
            "this node."
        ),
        ["the engine wants 4 GPUs, this machine has 1"],
    ),
    (
        (
            "ValueError: Bfloat16 is only supported on GPUs with compute capability of at "
            "least 8.0. Your Tesla T4 GPU has compute capability 7.5."
        ),
        ["this GPU is too old"],
    ),
    (
        (
            "docker: Error response from daemon: nvidia-container-cli: requirement error: "
            "unsatisfied condition: cuda>=12.9, please update your driver to a newer "
            "version"
        ),
        ["the engine's image needs cuda>=12.9", "instance.ami"],
    ),
    (
        (
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please "
            "update your driver to a newer version, or use an earlier cuda container"
        ),
        ["the engine's image needs cuda>=13.0", "instance.ami"],
    ),
    (
        ("RuntimeError: The NVIDIA driver on your system is too old (found version 12080)."),
        ["the NVIDIA driver supports CUDA 12.8 only", "instance.ami"],
    ),
    (
        ("CUDA error: CUDA driver version is insufficient for CUDA runtime version"),
        ["the NVIDIA driver is too old", "instance.ami"],
    ),
    (
        (
            "torch.AcceleratorError: CUDA error: no kernel image is available for execution on "
            "the device"
        ),
        ["has no code for this GPU", "another engine.image"],
    ),
    (
        "Failed to initialize NVML: Driver/library version mismatch",
        ["restart this machine"],
    ),
    (
        (
            "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: system not yet "
            "initialized"
        ),
        ["fabric manager", "instance.ami"],
    ),
    (
        (
            'docker: Error response from daemon: could not select device driver "" with '
            "capabilities:"
        ),
        ["container toolkit is missing"],
    ),
    (
        "RuntimeError: No CUDA GPUs are available",
        ["sees no GPU"],
    ),
    (
        (
            "NCCL WARN Error while creating shared memory segment /dev/shm/nccl-8XTrZi (size "
            "33030528), error: No space left on device (28)"
        ),
        ["the engine's shared memory is full", "engine.tensor_parallel_size"],
    ),
    (
        "OSError: [Errno 28] No space left on device: '/dev/shm/vllm_ec_1.mmap'",
        ["the engine's shared memory is full"],
    ),
    (
        "RuntimeError: Insufficient space in /dev/shm for CPU KV offload shared region",
        ["the engine's shared memory is full", "offloading"],
    ),
    (
        "OSError: [Errno 28] No space left on device: '/cache/huggingface/x'",
        ["raise instance.root_volume_gib"],
    ),
    (
        "OSError: [Errno 28] No space left on device",
        ["raise instance.root_volume_gib"],
    ),
    (
        "exec /usr/bin/python3: exec format error",
        ["another processor"],
    ),
    (
        ("Error response from daemon: Bind for 127.0.0.1:8000 failed: port is already allocated"),
        ["change engine.port"],
    ),
]


@pytest.mark.parametrize(("said", "told"), KNOWN, ids=lambda it: it[:30] if it is str else "")
def test_a_known_cause_is_reported_with_its_remedy(said: str, told: list[str]) -> None:
    why = causes.diagnosed(f"INFO starting\n{said}\nINFO stopping", ends=2)

    assert why is not None
    assert [piece for piece in told if piece not in why] == []
    assert "\\" not in why


def test_every_rule_is_shown() -> None:
    shown = {
        next(rule for rule in causes.RULES if rule.says.search(said)).means for said, _ in KNOWN
    }

    assert shown == {rule.means for rule in causes.RULES}


@pytest.mark.parametrize(
    "said",
    [
        "INFO 11-24 loading weights took 3.02 seconds",
        "INFO Initializing a V1 LLM engine with config: model='m', trust_remote_code=True, dtype=a",
        "KeyboardInterrupt: terminated",
        "requests.exceptions.ConnectionError: ('Connection aborted.', RemoteDisconnected())",
        "HfHubHTTPError: 503 Server Error: Service Temporarily Unavailable",
        "INFO GPU KV cache size: 34,736 tokens; Maximum concurrency for 32,768 tokens: 1.06x",
        "",
    ],
)
def test_what_heals_by_itself_is_not_mistaken_for_a_setting(said: str) -> None:
    assert causes.diagnosed(said, ends=9) is None


def test_memory_that_ran_out_once_may_have_been_an_accident() -> None:
    said = "torch.OutOfMemoryError: CUDA out of memory."

    assert causes.diagnosed(said, ends=1) is None
    assert causes.diagnosed(said, ends=2) is not None


def test_a_secret_in_what_was_said_is_masked() -> None:
    why = causes.diagnosed("error: unrecognized arguments: --api-key sk-abcdef123456", ends=1)

    assert "sk-***" in str(why)
    assert "abcdef" not in str(why)
