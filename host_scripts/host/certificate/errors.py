"""Why there is no better certificate. The texts are shown to the operator.

Trouble
├── Unusable   a chain and key that cannot be served
└── Refused    the authority, or a service that it needs, refused
"""


class Trouble(Exception):
    pass


class Unusable(Trouble):
    """A chain and key that cannot be served."""


class Refused(Trouble):
    """is_account: our account is what the authority refuses."""

    def __init__(self, problem: str, *, is_account: bool = False) -> None:
        super().__init__(problem)
        self.is_account = is_account
