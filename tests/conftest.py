"""Hypothesis without deadlines: how long an example takes depends on the machine's other work."""

from hypothesis import settings

settings.register_profile("any_machine", deadline=None)
settings.load_profile("any_machine")
