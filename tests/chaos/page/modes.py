"""The fifteen ways in which a self-hosted endpoint fails, and the tests that show how each ends.

A test is named by its file and function below tests/; a word without a path is a fault of `FAULTS`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mode:
    """ends: healthy, or in which terminal state, and by what."""

    what: str
    ends: str
    shown_by: tuple[str, ...]


_MACHINE, _AGENT = "host_scripts/machine", "host_scripts/agent"
_SETUP, _PROBES = "host_scripts/setup", "host_scripts/probes"

MODES = (
    Mode(
        "no capacity in a zone",
        "the next pool; else it is waited for, up to the deadline: then `InsufficientCapacity`",
        (
            "capacity-away",
            "orchestrator/launch/test_search.py::test_a_refusal_leads_to_the_next_pool_that_may_have_an_instance",
            "simulation/test_capacity.py::test_a_provision_gives_up_at_its_deadline_and_rolls_back",
        ),
    ),
    Mode(
        "a quota that is zero or used up",
        "another quota's pool; else `Refused`, with the quota's code and where it is raised",
        (
            "simulation/test_capacity.py::test_a_quota_ends_the_provision_at_once",
            "orchestrator/launch/test_search.py::test_a_quota_everywhere_is_not_waited_for",
            "workflow/test_repair.py::test_a_repair_without_quota_fails_and_says_so_and_the_next_one_succeeds",
        ),
    ),
    Mode(
        "a spot interruption",
        "the successor starts at the warning, and gets the traffic",
        (
            *("spot", "rebalance"),
            "orchestrator/repair/test_sources.py::test_an_event_of_aws_names_the_instance_and_whether_it_will_end",
            "orchestrator/capacity/test_pools.py::test_every_spot_pool_comes_before_on_demand",
        ),
    ),
    Mode(
        "the instance dies, is stopped or terminated by a person",
        "replaced once, however many events there are; by a look where there is none",
        (
            *("terminate", "stop", "event-lost", "stop-event-lost", "event-storm"),
            "workflow/test_repair.py::test_a_lost_instance_is_replaced_exactly_once",
        ),
    ),
    Mode(
        "hardware, status checks, a scheduled retirement",
        "stopped and started on other hardware, rebooted, or replaced before its end",
        (
            *("status-check-system", "status-check-instance", "attached-disk", "retire"),
            "check-event-lost",
            "orchestrator/repair/test_rungs.py::test_the_smallest_rung_for",
        ),
    ),
    Mode(
        "a GPU is lost or broken",
        "the host gives up and names its hardware: started on other hardware",
        (
            "host-failed-hardware",
            f"{_MACHINE}/test_facts.py::test_a_missing_gpu_is_reported_with_the_kernels_error",
            f"{_AGENT}/test_observer.py::test_a_lost_gpu_is_no_matter_for_a_local_repair",
        ),
    ),
    Mode(
        "a container loses its GPU",
        "the agent starts the container again; the machine is kept",
        (
            f"{_MACHINE}/test_facts.py::test_a_container_that_lost_its_gpus_is_started_again_and_the_machine_is_kept",
            f"{_AGENT}/test_observer.py::test_a_container_without_its_gpu_is_the_part_to_start_again",
            f"{_SETUP}/test_services.py::test_an_engine_is_drained_before_the_reload_that_takes_its_gpu",
        ),
    ),
    Mode(
        "a driver that does not fit",
        "held in one version; restarted once, then the host gives up with the cause",
        (
            f"{_SETUP}/test_steps.py::test_a_driver_that_finds_no_gpu_restarts_the_machine_once_and_then_refuses",
            f"{_SETUP}/test_steps.py::test_an_image_that_needs_a_newer_driver_is_refused_before_it_starts",
            f"{_SETUP}/test_steps.py::test_security_updates_leave_the_gpu_and_the_containers_alone",
        ),
    ),
    Mode(
        "the package manager's lock or mirror; a bootstrap that dies silently",
        "waited for; what stays away is the cause that the host reports; silence ends the wait",
        (
            f"{_SETUP}/test_steps.py::test_what_is_missing_is_installed_waiting_for_apts_lock",
            f"{_SETUP}/test_steps.py::test_a_mirror_that_stays_away_fails_the_step",
            "simulation/test_lives.py::test_a_host_that_falls_silent_while_it_is_waited_for_fails_the_provision_and_leaves_nothing",
        ),
    ),
    Mode(
        "a model that downloads slowly, or is refused",
        "the hub's refusal is reported with its remedy; a slow download has no limit but its own",
        (
            f"{_SETUP}/test_weights.py::test_a_model_that_cannot_be_had_fails_with_the_remedy",
            f"{_SETUP}/test_setup.py::test_a_token_that_the_machine_may_not_read_is_reported_at_once",
            f"{_MACHINE}/test_causes.py::test_a_known_cause_is_reported_with_its_remedy",
        ),
    ),
    Mode(
        "out of memory or wrong flags at load: a crash loop",
        "`failed`, `NotRepairable` with the cause: at once if it served, else after three repairs",
        (
            *("bad-model", "host-failed-configuration"),
            f"{_AGENT}/test_units.py::test_a_permanent_error_is_reported_after_the_first_crash",
            "orchestrator/repair/test_bounds.py::test_the_third_failure_in_a_row_is_explained_with_its_cause",
        ),
    ),
    Mode(
        "a load that takes longer than a health check waits",
        "waited for, for up to an hour; nothing is repaired",
        (
            "loading",
            f"{_AGENT}/test_phases.py::test_b2_a_host_that_never_served_is_loading_for_as_long_as_it_takes",
            f"{_PROBES}/test_progress.py::test_b2_an_engine_that_loads_for_ten_minutes_is_not_judged",
        ),
    ),
    Mode(
        "an engine that hangs while its health check passes; a busy one whose check times out",
        "the hanging one is restarted by the agent, then rebooted; the busy one is left alone",
        (
            *("unhealthy-for-long", "saturated", "saturated-at-random"),
            f"{_PROBES}/test_progress.py::test_an_engine_that_hangs_is_noticed_within_two_minutes",
            f"{_AGENT}/test_phases.py::test_a_saturated_engine_is_busy_and_not_dead",
        ),
    ),
    Mode(
        "name, address, certificate, port",
        "put back by the smallest repair; an authority's refusal is a warning with its remedy",
        (
            *("record-deleted", "address-gone", "firewall-closed"),
            "host_scripts/certificate/test_orders.py::test_a_name_that_the_authority_refuses_is_said_and_the_self_signed_one_serves",
            "orchestrator/resources/test_address.py::test_a_first_address_that_a_quota_refuses_is_an_ordinary_refusal",
        ),
    ),
    Mode(
        "half of a change, leaks, repeated or late answers of AWS",
        "one of everything, or nothing",
        (
            *("during-provision", "during-teardown"),
            "faults/test_slice.py::test_what_goes_wrong_at_a_call_is_made_good",
            "orchestrator/creation/test_crashes.py::test_a_crash_after_creating_leaves_exactly_one_in_the_end",
        ),
    ),
)
