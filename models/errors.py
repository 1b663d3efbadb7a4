"""Errors that a user can mend."""


class UserError(Exception):
    """What went wrong and what to do about it, in one sentence for the user."""
