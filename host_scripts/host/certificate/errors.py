"""Why there is no better certificate: Trouble, the one error of this program.

It is shown to the operator as it stands, so it says what, which, and what to do next.
"""


class Trouble(Exception):
    pass


class Unusable(Trouble):
    """A chain and key that cannot be served."""


class Refused(Trouble):
    """The authority, or what it needs, said no; is_account: our account is what it refuses."""

    def __init__(self, problem: str, *, is_account: bool = False) -> None:
        super().__init__(problem)
        self.is_account = is_account
