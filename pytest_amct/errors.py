"""The errors that users see: each message names the thing, the place and the cure."""

_LONGEST = 4000
"""The most characters of a message: files may hold names of any length."""


class AmctError(Exception):
    """The base class of all errors of this package. A message that is too long is cut."""

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


class UsageError(AmctError):
    """An invalid option, ini value or call; pytest shows it as a usage error."""


class SpecError(AmctError):
    """An invalid table file; the message names the file, the row and the key."""


class ModelError(AmctError):
    """A model that cannot be read; the message names the file and what is wrong with it."""


class OutputError(AmctError):
    """A quantizer's result that cannot be read as decisions about the given model."""
