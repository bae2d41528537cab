"""Models that backends list since a moment ago, and requests that name none."""

import json

import pytest
from gateway.backends import probes
from gateway.settings.backend_settings import BackendSettings
from gatewaylab.model_server import Call, ModelServer, Script
from gatewaylab.running import Start
from gatewaylab.speeches import CHAT


def listing(*names: str) -> Script:
    async def script(call: Call) -> None:
        call.reply(json.dumps({"data": [{"id": name} for name in names]}).encode())

    return script


async def fine(call: Call) -> None:
    call.reply(b"{}")


async def test_an_adapter_that_was_just_loaded_is_found(
    start: Start, model_server: ModelServer
) -> None:
    model_server.on[CHAT.path] = fine
    gateway = await start()
    assert (await gateway.chat(model="adapter")).status_code == 404
    model_server.on["/v1/models"] = listing("tiny", "adapter")
    gateway.gateway.probes._looked_at = -1e9

    assert (await gateway.chat(model="adapter")).status_code == 200
    await gateway.at_rest()


async def test_unknown_models_make_no_storm_of_questions(
    start: Start, model_server: ModelServer
) -> None:
    gateway = await start()
    before = len(model_server.calls)

    statuses = {(await gateway.chat(model=f"nothing-{n}")).status_code for n in range(20)}

    assert statuses == {404}
    asked = [call for call in model_server.calls[before:] if call.path == "/v1/models"]
    assert len(asked) <= 1 + int(20 * 0.5 / probes.LOOK_AGAIN_SECONDS)


@pytest.mark.parametrize(
    ("others", "status"), [(("tiny",), 200), (("large",), 400), (("tiny", "large"), 400)]
)
async def test_a_request_without_a_model_is_refused_where_chance_would_decide(
    start: Start, model_server: ModelServer, others: tuple[str, ...], status: int
) -> None:
    async with ModelServer() as other:
        for server, names in ((model_server, ("tiny",)), (other, others)):
            server.on["/v1/models"] = listing(*names)
            server.on[CHAT.path] = fine
        origins = (model_server.origin, other.origin)
        gateway = await start(backends=tuple(map(BackendSettings, origins)))

        answers = [await gateway.client.post(CHAT.path, json=body) for body in ({}, {"model": ""})]

        assert [answer.status_code for answer in answers] == [status] * 2
