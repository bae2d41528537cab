"""Pages of other origins: refused unless the operator lists them, as browsers ask for it."""

import pytest
from gatewaylab.running import Running, Start
from gatewaylab.speeches import CHAT

PAGE = "https://chat.example.com"
ALLOWED = "access-control-allow-origin"


async def preflight(gateway: Running, origin: str) -> dict[str, str]:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    del gateway.client.headers["authorization"]  # a browser sends none with it
    answer = await gateway.client.options(CHAT.path, headers=headers)
    return {**answer.headers, "status": str(answer.status_code)}


@pytest.mark.parametrize(("listed", "said"), [((PAGE,), PAGE), (("*",), "*")])
async def test_a_listed_page_may_ask_and_read(
    start: Start, listed: tuple[str, ...], said: str
) -> None:
    gateway = await start(cors_origins=listed)

    gateway.client.headers["origin"] = PAGE
    answers = [await gateway.chat(), await gateway.chat(stream=True), await gateway.chat(n=99)]
    allowed = await preflight(gateway, PAGE)
    refused = await gateway.chat()

    assert [one.headers[ALLOWED] for one in answers] == [said] * 3
    assert "x-request-id" in answers[0].headers["access-control-expose-headers"]
    assert (allowed["status"], allowed[ALLOWED]) == ("200", said)
    assert "authorization" in allowed["access-control-allow-headers"]
    assert (refused.status_code, refused.headers[ALLOWED]) == (401, said)


@pytest.mark.parametrize("listed", [(), ("https://other.example.com",)])
async def test_another_page_gets_no_leave(start: Start, listed: tuple[str, ...]) -> None:
    gateway = await start(cors_origins=listed)

    gateway.client.headers["origin"] = PAGE
    answer = await gateway.chat()
    refused = await preflight(gateway, PAGE)

    assert ALLOWED not in answer.headers
    assert ALLOWED not in refused
    assert refused["status"] == "405"
