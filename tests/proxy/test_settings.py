"""The environment is read once, and what is wrong with it is said in one sentence."""

import re
from pathlib import Path

import pytest
from inference_proxy.settings import InvalidSetting, Settings


def test_nothing_set_is_a_gateway_for_the_model_server_next_door() -> None:
    settings = Settings.from_env({})

    assert settings == Settings()
    assert settings.backends == ("http://127.0.0.1:8000",)
    assert (settings.default_timeout, settings.max_timeout) == (90, 600)
    assert settings.max_body == 52_428_800


def test_everything_can_be_set() -> None:
    settings = Settings.from_env(
        {
            "INFERENCE_BACKENDS": "http://127.0.0.1:8000, https://[::1]:8001/",
            "INFERENCE_ENGINE": "disabled",
            "INFERENCE_KEYS_FILE": "/run/keys",
            "INFERENCE_DEFAULT_TIMEOUT_SECONDS": "30",
            "INFERENCE_MAX_TIMEOUT_SECONDS": "120.5",
            "INFERENCE_MAX_BODY_BYTES": "1024",
        }
    )

    assert settings == Settings(
        backends=("http://127.0.0.1:8000", "https://[::1]:8001"),
        engine_enabled=False,
        keys_file=Path("/run/keys"),
        default_timeout=30,
        max_timeout=120.5,
        max_body=1024,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INFERENCE_BACKENDS", "localhost:8000"),
        ("INFERENCE_BACKENDS", "http://"),
        ("INFERENCE_BACKENDS", "http://a:x"),
        ("INFERENCE_BACKENDS", "http://a/v1"),
        ("INFERENCE_BACKENDS", "ftp://a"),
        ("INFERENCE_BACKENDS", ","),
        ("INFERENCE_ENGINE", "on"),
        ("INFERENCE_DEFAULT_TIMEOUT_SECONDS", "soon"),
        ("INFERENCE_DEFAULT_TIMEOUT_SECONDS", "0"),
        ("INFERENCE_DEFAULT_TIMEOUT_SECONDS", "601"),
        ("INFERENCE_MAX_TIMEOUT_SECONDS", "nan"),
        ("INFERENCE_MAX_TIMEOUT_SECONDS", "inf"),
        ("INFERENCE_MAX_TIMEOUT_SECONDS", "-1"),
        ("INFERENCE_MAX_BODY_BYTES", "50MB"),
        ("INFERENCE_MAX_BODY_BYTES", "0"),
        ("INFERENCE_MAX_BODY_BYTES", "1e6"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_what_it_takes(name: str, value: str) -> None:
    with pytest.raises(
        InvalidSetting, match=f"{name}.*{re.escape(value.strip(','))}.*(takes|may be)"
    ):
        Settings.from_env({name: value})
