"""The settings are read once, and what is wrong with them is said in one sentence."""

import json
import re
from pathlib import Path

import pytest
from gateway.settings.backend_settings import BackendSettings
from gateway.settings.document import InvalidSetting
from gateway.settings.gateway_settings import Settings, reference


def written(folder: Path, text: str, name: str = "gateway.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_nothing_set_is_a_gateway_for_the_model_server_next_door() -> None:
    settings = Settings.load(None, {})

    assert settings == Settings()
    assert [backend.url for backend in settings.backends] == ["http://127.0.0.1:8000"]
    assert (settings.default_timeout, settings.max_timeout) == (90, 600)
    assert settings.max_body == 52_428_800


def test_scalars_and_lists_can_be_set_in_the_environment() -> None:
    settings = Settings.load(
        None,
        {
            "INFERENCE_BACKENDS": "http://127.0.0.1:8000, https://[::1]:8001/",
            "INFERENCE_ENGINE": "disabled",
            "INFERENCE_KEYS_FILE": "/run/keys",
            "INFERENCE_DEFAULT_TIMEOUT_SECONDS": "30",
            "INFERENCE_MAX_TIMEOUT_SECONDS": "120.5",
            "INFERENCE_MAX_BODY_BYTES": "1024",
            "INFERENCE_MAX_OUTPUT_TOKENS": "4096",
            "INFERENCE_ALIASES": "gpt-4=tiny, gpt-5 = org/large",
            "INFERENCE_BALANCING": "prefix",
            "INFERENCE_COUNT_USAGE": "disabled",
            "INFERENCE_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8",
            "INFERENCE_DOCS": "  ",
        },
    )

    assert settings == Settings(
        backends=(
            BackendSettings(url="http://127.0.0.1:8000"),
            BackendSettings(url="https://[::1]:8001"),
        ),
        engine_enabled=False,
        keys_file=Path("/run/keys"),
        default_timeout=30,
        max_timeout=120.5,
        max_body=1024,
        max_output_tokens=4096,
        aliases={"gpt-4": "tiny", "gpt-5": "org/large"},
        balancing="prefix",
        count_usage=False,
        trusted_proxies=("10.0.0.0/8", "fd00::/8"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INFERENCE_BACKENDS", "localhost:8000"),
        ("INFERENCE_BACKENDS", "http://"),
        ("INFERENCE_BACKENDS", "http://a:x"),
        ("INFERENCE_BACKENDS", "http://a/v1?b"),
        ("INFERENCE_BACKENDS", "ftp://a"),
        ("INFERENCE_BACKENDS", ","),
        ("INFERENCE_ENGINE", "on"),
        ("INFERENCE_DOCS", "true"),
        ("INFERENCE_BALANCING", "random"),
        ("INFERENCE_ALIASES", "gpt-4"),
        ("INFERENCE_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("INFERENCE_QUEUE_LENGTH", "-1"),
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
    field = name.removeprefix("INFERENCE_").lower()
    with pytest.raises(
        InvalidSetting, match=f"({name}|{field}).*{re.escape(value.strip(','))}.*(takes|may be)"
    ):
        Settings.load(None, {name: value})


def test_a_misspelt_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        InvalidSetting, match="INFERENCE_BACKEND is no setting: did you mean INFERENCE_BACKENDS"
    ):
        Settings.load(None, {"INFERENCE_BACKEND": "http://a"})


def test_what_kubernetes_tells_of_a_service_called_inference_is_no_setting() -> None:
    told = {
        "INFERENCE_SERVICE_HOST": "10.0.0.1",
        "INFERENCE_PORT": "tcp://10.0.0.1:80",
        "INFERENCE_GATEWAY_SERVICE_PORT_HTTP": "80",
        "INFERENCE_GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
    }

    assert Settings.load(None, told) == Settings()


def test_a_document_sets_everything_and_the_environment_wins(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        backends:
          - url: http://10.0.0.1:8000
            models: [tiny]
            classes: [interactive]
            max_in_flight: 8
            api_key_file: /run/backend-key
          - url: https://llm.example.com
        aliases: {gpt-4: tiny}
        queue_length: 0
        max_timeout: 300
        """,
    )

    settings = Settings.load(None, {"INFERENCE_CONFIG": str(path), "INFERENCE_QUEUE_LENGTH": "9"})

    first, second = settings.backends
    assert first.models == ("tiny",)
    assert (first.classes, first.max_in_flight) == (("interactive",), 8)
    assert first.api_key_file == Path("/run/backend-key")
    assert (second.host, second.port, second.tls) == ("llm.example.com", 443, True)
    assert (settings.aliases, settings.max_timeout) == ({"gpt-4": "tiny"}, 300)
    assert settings.queue_length == 9


def test_a_json_document_says_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, json.dumps({"backends": [{"url": "http://[fd00::1]:8000"}]}, indent=1))
    path = path.rename(path.with_suffix(".json"))

    (backend,) = Settings.load(path, {}).backends

    assert (backend.name, backend.host, backend.port) == ("[fd00::1]:8000", "fd00::1", 8000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("quue_length: 1", "quue_length is no setting: did you mean queue_length?"),
        ("queue_length: many", "queue_length is 'many', it takes a whole number"),
        ("docs: 1", "docs is 1, it takes true or false"),
        ("backends: []", "backends is [], it takes a list of backends"),
        ("backends: [{url: 'http://a', modells: [b]}]", "unknown field `modells` - at `$[0]`"),
        ("backends: [{url: 'http://a', models: []}]", "models names none"),
        ("backends: [{url: 'http://a', fallback: true}]", "backends holds fallbacks alone"),
        ("backends: [{url: 'http://a', names: {m: ''}}]", "length >= 1 - at `$[0].names[...]`"),
        ("backends: [{url: 'http://a', models: [m], names: {n: x}}]", "names holds n, and models"),
        ("backends: [{url: 'http://a', classes: [urgent]}]", "Invalid enum value 'urgent'"),
        ("backends: [{url: 'http://a'}, {url: 'https://a:80'}]", "backends names a:80 twice"),
        ("aliases: {a: b, b: c}", "a stands for b, which is an alias too"),
        ("aliases: {a: a}", "a stands for a, which is an alias too"),
        ("keys_file: 1", "keys_file is 1, it takes the path of a file"),
        ("max_timeout: .nan", "max_timeout is nan, it takes a number of seconds above 0"),
        ("- a", "is ['a'], it takes names of settings and values"),
        ("{", "is not a YAML or JSON document"),
        ("", "is empty"),
    ],
)
def test_a_wrong_document_is_refused_with_the_place_and_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(reason)):
        Settings.load(written(tmp_path, text), {})


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, "quue_length: 1\nmax_n: none\nmax_depth: 16\n")
    variables = {"INFERENCE_ENGINE": "on", "INFERENCE_DOCKS": "enabled", "INFERENCE_MAX_N": "0"}

    with pytest.raises(InvalidSetting) as caught:
        Settings.load(path, variables)

    first, *lines = str(caught.value).splitlines()
    assert first == "5 settings are wrong:"
    assert [line.split()[0 if line.strip().startswith("INFERENCE") else 1] for line in lines] == [
        "quue_length", "max_n", "INFERENCE_ENGINE", "INFERENCE_DOCKS", "INFERENCE_MAX_N",
    ]  # fmt: skip


def test_settings_that_do_not_fit_each_other_are_named_at_once() -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings(
            default_timeout=601, aliases={"a": "b", "b": "c"}, trusted_proxies=("10.0.0.1/8", "x")
        )

    said = str(caught.value)
    assert [one for one in ("601", "a stands for b", "10.0.0.1/8", "'x'") if one not in said] == []


def test_one_key_file_is_for_every_backend_that_names_none(tmp_path: Path) -> None:
    path = written(tmp_path, "backends: [{url: 'http://a', api_key_file: /own}, {url: 'http://b'}]")

    settings = Settings.load(path, {"INFERENCE_BACKEND_KEY_FILE": "/all"})

    assert [one.api_key_file for one in settings.backends] == [Path("/own"), Path("/all")]


def test_a_fallback_is_not_shown_the_key_of_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, "backends: [{url: 'http://a'}, {url: 'http://b', fallback: true}]")

    settings = Settings.load(path, {"INFERENCE_BACKEND_KEY_FILE": "/all"})

    assert [one.api_key_file for one in settings.backends] == [Path("/all"), None]


def test_a_document_of_comments_only_sets_nothing(tmp_path: Path) -> None:
    assert Settings.load(written(tmp_path, "# all is well\n"), {}) == Settings()


def test_a_document_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match=r"gone\.yaml cannot be read: No such file"):
        Settings.load(tmp_path / "gone.yaml", {})


def test_the_reference_tells_of_every_setting_what_it_is_and_what_it_takes() -> None:
    options = {option.name: option for option in reference()}

    assert set(Settings.__struct_fields__) <= set(options)
    assert {f"backends[].{name}" for name in BackendSettings.__struct_fields__} <= set(options)
    assert [name for name, one in options.items() if not (one.about and one.takes)] == []
    assert {"filters[].name", "jwt.issuer"} <= set(options)
    assert options["engine_enabled"].variable == "INFERENCE_ENGINE"
    assert options["backends[].models"].variable is None
    assert (options["max_timeout"].default, options["docs"].default) == ("600", "enabled")
