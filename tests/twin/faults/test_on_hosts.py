"""`lamplighter local break` on a host with the real agent: what breaks, and what mends it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hostlab.breaking import break_, facts, listening, ran, refusal, says
from hostlab.hosting import Hosted, pid_of, processes_of
from patience import eventually

pytestmark = pytest.mark.twin


def test_a_killed_program_starts_again(account: Any, followed: Hosted) -> None:
    followed.serves()
    before = {part: pid_of(followed, part) for part in ("gateway", "vllm")}

    broken = [break_(account, how) for how in ("gateway-kill", "engine-kill")]
    after = eventually(
        lambda: dict(reversed(each) for each in processes_of(followed)),
        lambda seen: all(seen.get(f"{part}.log", pid) != pid for part, pid in before.items()),
        60,
    )

    followed.serves()
    assert broken == [followed.instance] * 2
    assert not set(after.values()) & set(before.values())


def test_an_agent_that_is_down_is_started_by_its_document(account: Any, followed: Hosted) -> None:
    followed.serves()
    break_(account, "agent-kill")
    time.sleep(2)  # longer than a restart by systemd takes
    down = [log for _, log in processes_of(followed)]

    ended = ran(account, followed, "RestartAgent")

    assert "agent.log" not in down
    assert (ended["Status"], ended["ResponseCode"]) == ("Success", 0), ended
    assert pid_of(followed, "agent")
    followed.serves()


def test_a_host_describes_itself_in_json(account: Any, followed: Hosted) -> None:
    followed.serves()

    ended = ran(account, followed, "Diagnose")

    assert ended["Status"] == "Success", ended
    assert "problems" in json.loads(ended["StandardOutputContent"])


def test_a_command_needs_a_document_and_a_host_that_is_on(account: Any, followed: Hosted) -> None:
    followed.serves()
    ssm, restart = account.client("ssm"), f"{account.twin.stack}-RestartAgent"
    unknown = refusal(ssm.send_command, InstanceIds=[followed.instance], DocumentName="another")

    break_(account, "stop")
    account.await_state(followed.instance, "stopped")
    stopped = refusal(ssm.send_command, InstanceIds=[followed.instance], DocumentName=restart)

    assert (unknown, stopped) == ("InvalidDocument", "InvalidInstanceId")


def test_a_wedged_engine_answers_without_tokens_until_it_is_repaired(
    account: Any, followed: Hosted
) -> None:
    says(followed, "to=serving")
    engine = pid_of(followed, "vllm")

    break_(account, "engine-wedge")
    listed = followed.models()
    with pytest.raises(httpx.ReadTimeout):
        followed.chat()
    wanted = followed.folder / "run" / "repair"
    wanted.with_name("request").write_text(json.dumps({"part": "engine", "why": "it hangs"}))
    wanted.with_name("request").rename(wanted)  # as the agent does after a minute without a token

    eventually(
        lambda: [pid for pid, log in processes_of(followed) if log == "vllm.log"],
        lambda pids: pids and engine not in pids,
        30,
    )
    assert listed is not None
    assert listed.status_code == 200
    assert eventually(followed.chat, lambda answer: answer.status_code == 200, 60)
    [repair] = json.loads((followed.folder / "run" / "repairs").read_text())
    assert repair["part"] == "engine"


def test_a_gpu_with_an_xid_fails_the_host_until_a_reboot(
    account: Any, events: Callable[[], list[dict[str, Any]]], followed: Hosted
) -> None:
    says(followed, "to=serving")
    events()

    break_(account, "gpu-xid")
    log = says(followed, "to=failed")
    seen = facts(followed)
    account.client("ec2").reboot_instances(InstanceIds=[followed.instance])
    eventually(lambda: facts(followed), lambda found: found["xids"] == {}, 60)
    followed.serves()

    assert "GPU fell off the bus; this machine must be replaced" in log
    assert seen["xids"] == {"79": 1}
    assert events() == []  # a reboot changes no state


def test_a_lost_gpu_and_a_full_disk_have_their_own_ends(account: Any, followed: Hosted) -> None:
    says(followed, "to=serving")
    ec2 = account.client("ec2")

    break_(account, "disk-full")
    break_(account, "gpu-lost")
    says(followed, "0 of 1 answer; this machine must be replaced")
    ec2.stop_instances(InstanceIds=[followed.instance])
    account.await_state(followed.instance, "stopped")
    ec2.start_instances(InstanceIds=[followed.instance])
    followed.serves()

    found = facts(followed)
    [address] = ec2.describe_addresses(AllocationIds=[followed.allocation])["Addresses"]
    assert found["gpus"]["here"] == 1
    assert found["disks"]["/"]["free"] < found["disks"]["/"]["size"] * 0.1
    assert address["InstanceId"] == followed.instance


def test_a_bad_model_is_explained_for_as_long_as_it_is_bad(account: Any, followed: Hosted) -> None:
    says(followed, "to=serving")

    break_(account, "bad-model", seconds=12)
    until = time.monotonic() + 12
    log = says(followed, "to=failed")
    time.sleep(max(0.0, until - time.monotonic()))
    account.client("ec2").reboot_instances(InstanceIds=[followed.instance])

    followed.serves()
    assert "vllm@0.service does not start: this vLLM does not know the model" in log


def test_a_clock_that_jumps_is_in_the_hosts_reports(account: Any, followed: Hosted) -> None:
    for reports in listening(account, "twin-scratch", {"detail-type": ["Host Report"]}):
        says(followed, "to=serving")
        break_(account, "clock-jump")
        break_(account, "agent-kill")
        ran(account, followed, "RestartAgent")  # its first report is sent at once
        hour = time.strftime("%Y-%m-%dT%H", time.gmtime(time.time() + 3600))

        ahead = eventually(
            lambda: [e for e in reports() if e["detail"]["sent_at"].startswith(hour)],  # noqa: B023
            bool,
            60,
        )

        assert ahead[0]["detail"]["instance_id"] == followed.instance
