"""What this package raises at its users: one sentence with the thing, the place and the cure."""


class AmctError(Exception):
    """Base of all errors of this package."""


class UsageError(AmctError):
    """An option, an ini value or a call that cannot be used; pytest shows it as a usage error."""


class SpecError(AmctError):
    """A table file that is broken: names the file, the row and the key."""


class ModelError(AmctError):
    """A model that cannot be read: names the file and what is wrong with it."""


class OutputError(AmctError):
    """What a quantizer returned cannot be read as decisions about the model that it was given."""
