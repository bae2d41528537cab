"""Every failure arrives as the exception that a program would catch, with its facts in place."""

from typing import Any

import openai
import pytest

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def test_an_unknown_key_is_an_authentication_error(client: openai.OpenAI) -> None:
    stranger = client.with_options(api_key="sk-unknown")

    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model="tiny", messages=HI)

    assert facts(caught.value) == (401, "invalid_api_key", "invalid_request_error", None)
    assert "sk-unknown" not in caught.value.message


def test_a_model_that_nobody_serves_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as retrieved:
        client.models.retrieve("gpt-9")
    with pytest.raises(openai.NotFoundError) as asked:
        client.chat.completions.create(model="gpt-9", messages=HI)

    assert facts(retrieved.value) == (404, "model_not_found", "invalid_request_error", "model")
    assert asked.value.param == "model"


def test_an_endpoint_that_is_not_here_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(model="tiny", prompt="a cat")

    assert facts(caught.value) == (404, "unknown_url", "invalid_request_error", None)


@pytest.mark.parametrize("stream", [False, True])
def test_the_engines_own_refusal_keeps_its_words(
    client: openai.OpenAI, played: Any, *, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="tiny", messages=HI, stream=stream, extra_body=played("refuse")
        )

    assert "4096" in caught.value.message
    assert caught.value.param == "input_tokens"


@pytest.mark.parametrize("field", ["stream", "max_tokens", "model"])
def test_a_field_of_another_type_is_a_bad_request(client: openai.OpenAI, field: str) -> None:
    wrong: Any = {"stream": "often", "max_tokens": "many", "model": 5}[field]

    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=HI, extra_body={field: wrong})

    assert caught.value.type == "invalid_request_error"
    assert caught.value.code


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError), (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError), (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError), (429, openai.RateLimitError),
        (500, openai.InternalServerError), (503, openai.InternalServerError),
    ],
)  # fmt: skip
def test_a_status_of_the_engine_is_its_own_class_of_exception(
    client: openai.OpenAI, played: Any, status: int, kind: type[openai.APIStatusError]
) -> None:
    play = played(f"status {status} {played.id} 9")

    with pytest.raises(kind) as caught:
        client.chat.completions.create(model="tiny", messages=HI, extra_body=play)

    assert caught.value.status_code == status
    assert caught.value.message
    assert caught.value.request_id


def test_an_engine_that_speaks_no_http_is_a_server_error_not_to_be_repeated(
    client: openai.OpenAI, played: Any
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="tiny", messages=HI, extra_body=played("garbage"))

    assert (caught.value.status_code, caught.value.code) == (502, "backend_lost")
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_an_error_names_the_request_it_belongs_to(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9", extra_headers={"x-request-id": "mine-3"})

    assert caught.value.request_id == "mine-3"


def test_a_key_for_one_model_may_not_use_another(client: openai.OpenAI, lab: Any) -> None:
    narrow = client.with_options(api_key=lab.narrow)

    with pytest.raises(openai.PermissionDeniedError) as caught:
        narrow.chat.completions.create(model="tiny", messages=HI)

    assert caught.value.code == "model_not_allowed"
    assert narrow.chat.completions.create(model="org/large", messages=HI).choices


def facts(error: openai.APIStatusError) -> tuple[int, str | None, str | None, str | None]:
    assert error.request_id
    return (error.status_code, error.code, error.type, error.param)
