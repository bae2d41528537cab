"""Which backends serve a model, the error when none does, and the list of models.

What is asked with every request is kept ready; it is made anew when a backend or the settings
change, which is rare.
"""

from collections.abc import Callable, Collection, Container, Iterable

from gateway.backends import model_list, problems
from gateway.backends.backend import Backend, reconfigured
from gateway.backends.balancing import (
    AFFINITY_BYTES,
    Backends,
    Balancer,
    is_healthy,
    preferred,
)
from gateway.backends.host_status import HostStatus
from gateway.backends.target import Group, Target
from gateway.core.errors import (
    BackendUnavailable,
    InvalidRequest,
    ModelLoading,
    UnknownModel,
)
from gateway.core.log import logger
from gateway.core.segmented_body import SegmentedBody
from gateway.settings.gateway_settings import Settings

_LONGEST_NAME = 200


class Routing:
    """`backends` changes with `adopt` only; `changed` is called after every change of anything."""

    def __init__(self, settings: Settings, backends: Iterable[Backend], host: HostStatus) -> None:
        self.settings = settings
        self.backends = tuple(backends)
        self.changed: Callable[[], None] = lambda: None
        self._host = host
        self._balancer = Balancer()
        self._groups: dict[str | None, Group] = {}  # None: any model
        self._any_model = Group()  # of backends whose models are not known
        self._targets: dict[str | None, Target] = {}
        self._entries: dict[str, bytes] = {}
        self._document = b""
        self._is_ambiguous = False
        self.problems: tuple[str, ...] = ()
        self.refresh()

    def resolve(self, model: str | None, *, waits: bool = False) -> Target:
        """Return the backends that serve the model that the client named; None: it named none.

        Raises UnknownModel, or BackendUnavailable or ModelLoading if no backend can be asked now;
        not these for a request that `waits` until one can be.
        """
        target = self._targets.get(model)
        return target if target is not None else self._unusual(model, waits=waits)

    def check_unnamed(self) -> None:
        """Raises InvalidRequest if chance would decide which model answers."""
        if self._is_ambiguous:
            raise InvalidRequest(
                "The request names no model, and several are served here: GET /v1/models lists "
                "them.",
                param="model",
            )

    def choose(
        self,
        target: Target,
        priority: int,
        affinity: bytes | None,
        tried: Container[Backend] = (),
        home: Backend | None = None,
    ) -> Backend | None:
        """Return the backend for one request, or None: each has its `max_in_flight`, so wait.

        `home`: the only one that knows what the request is about, if it is there.
        Raises BackendUnavailable or ModelLoading once no backend is left.
        """
        candidates = target.group.available[priority]
        reserve = target.group.reserve[priority]
        if home is not None and home not in tried and (home in candidates or home in reserve):
            return home
        if tried:
            candidates = tuple(one for one in candidates if one not in tried)
        if reserve:
            left = tuple(one for one in reserve if one not in tried)
            candidates = preferred(candidates, left)
        if not candidates:
            raise self.unavailable(target)
        return self._balancer.choose(candidates, affinity)

    def affinity(
        self, session: bytes | None, key_id: str, body: bytes | SegmentedBody
    ) -> bytes | None:
        """Return the affinity for `choose`, as the settings have it."""
        match self.settings.balancing:
            case "session":
                return session or key_id.encode()
            case "prefix":
                if isinstance(body, bytes):
                    return body[:AFFINITY_BYTES]
                return body.start(AFFINITY_BYTES)
        return None

    def takes(self, backend: Backend, target: Target, priority: int) -> bool:
        """Whether a request that waits for `target` may go to `backend` now."""
        candidates = target.group.available[priority]
        if target.group.reserve[priority]:
            candidates = preferred(candidates, target.group.reserve[priority])
        return backend in candidates and is_healthy(backend, candidates)

    def others(self, target: Target, priority: int, tried: Container[Backend]) -> list[Backend]:
        """Return the backends that are left and may be asked."""
        asked = target.group.available[priority] + target.group.reserve[priority]
        return [one for one in asked if one not in tried]

    def unavailable(self, target: Target) -> BackendUnavailable:
        """Return the error for a model that is served, but not now."""
        return self._why(target.backends)

    def models_document(self, allowed: Collection[str] | None = None) -> bytes:
        """Return the body of GET /v1/models. Raises as `resolve` if none is known."""
        is_up = any(one.state == "up" and not one.fallback for one in self.backends)
        if not self._entries and not is_up:
            raise self._why(self.backends)
        if allowed is None:
            return self._document
        return model_list.document(
            entry for name, entry in self._entries.items() if name in allowed
        )

    def model_document(self, name: str) -> bytes:
        """Return the body of GET /v1/models/{name}. Raises as `resolve`."""
        if name not in self._entries:
            self._unusual(name)
            raise _unknown(name)
        return self._entries[name]

    def reconfigure(self, settings: Settings, prepare: Callable[[], None]) -> None:
        """Take over changed settings; `prepare` is called before requests see them.

        Raises InvalidSetting, and changes nothing then.
        """
        self.adopt(settings, reconfigured(settings.backends, self.backends))
        prepare()
        self.refresh()

    def adopt(self, settings: Settings, backends: Iterable[Backend]) -> None:
        """Take other settings; `refresh` lets requests see them. Who is gone gets nothing new."""
        kept = tuple(backends)
        for backend in self.backends:
            backend.retired = backend not in kept
        self.settings, self.backends = settings, kept

    def refresh(self) -> None:
        """Make ready what is asked with every request."""
        self._balancer.in_turn = self.settings.balancing == "round_robin"
        for backend in self.backends:
            backend.changed = self.refresh
        self._fill_groups()
        known = {one.models for one in self.backends if one.knows_models and not one.fallback}
        self._is_ambiguous = len(known) > 1
        self._find_alternatives()
        self._make_targets()
        self._list_models()
        self._warn_of_problems()
        self.changed()

    def _fill_groups(self) -> None:
        own = [one for one in self.backends if not one.fallback]
        unknown = [one for one in own if not one.knows_models]
        names = {name for one in self.backends for name in one.models}
        for name in {*self._groups, *names} - {None}:
            serving = [one for one in self.backends if name in one.models]
            if serving and all(one.fallback for one in serving):
                serving += unknown  # one of these may be what the fallbacks stand in for
            self._groups.setdefault(name, Group()).fill(serving)
        self._groups = {name: group for name, group in self._groups.items() if group.members}
        # A request that names no model is for the one that is served here.
        self._groups.setdefault(None, Group()).fill(own)
        self._any_model.fill(unknown)

    def _find_alternatives(self) -> None:
        named = [group for name, group in self._groups.items() if name is not None]
        for backend in self.backends:
            shared = {
                tuple(one for one in group.members if priority in one.priorities)
                for group in (*named, self._any_model)
                for priority in backend.priorities
                if backend in group.members
            }
            backend.alternatives = tuple(
                tuple(one for one in others if one is not backend) for others in shared
            )

    def _make_targets(self) -> None:
        usable = {name: group for name, group in self._groups.items() if any(group.available)}
        self._targets = {name: Target(name, group) for name, group in usable.items()}
        for alias, served in self.settings.aliases.items():
            self._targets.pop(alias, None)
            if served in usable:
                self._targets[alias] = Target(served, usable[served], edit=True)

    def _unusual(self, name: str | None, *, waits: bool = False) -> Target:
        """Return a target for a model that no backend lists, or raise why there is none."""
        served = self.settings.aliases.get(name, name) if name is not None else None
        if known := self._groups.get(served):
            if waits:
                return Target(served, known, edit=served != name)
            raise self._why(known.members)
        if any(self._any_model.available) or (waits and self._any_model.members):
            return Target(served, self._any_model, edit=served != name)
        if self._any_model.members:  # one that is down may be the one that serves it
            raise self._why(self._any_model.members)
        raise _unknown(name)

    def _why(self, backends: Backends) -> BackendUnavailable:
        seconds = self._host.seconds_left()
        loading = any(one.state == "loading" and not one.fallback for one in backends)
        if loading or self._host.is_loading():
            return ModelLoading("The model is loading; ask again later.", seconds=seconds)
        return BackendUnavailable(
            "The model server takes no connections: it is restarting or down.", seconds=seconds
        )

    def _list_models(self) -> None:
        self._entries = model_list.merged(self.backends, self.settings.aliases)
        self._document = model_list.document(self._entries.values())

    def _warn_of_problems(self) -> None:
        """Warn once of what cannot work, when the models of all backends are known."""
        known, self.problems = self.problems, ()
        if all(one.knows_models for one in self.backends):
            self.problems = tuple(problems.found(self.settings.aliases, self._groups))
        for problem in self.problems:
            if problem not in known:
                logger.warning(problem)


def _unknown(name: str | None) -> UnknownModel:
    shown = (name or "")[:_LONGEST_NAME]
    return UnknownModel(
        f"The model `{shown}` is not served here: GET /v1/models lists those that are.",
        param="model",
    )
