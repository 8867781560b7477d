"""What happens to results that already exist."""

from enum import StrEnum


class Overwrite(StrEnum):
    """Whether an existing head or evaluation is kept.

    One that is exactly what was asked for is kept under ``changed`` and ``never``; one of another recipe is
    replaced under ``changed`` and an error under ``never``. ``always`` makes everything anew.
    """

    CHANGED = "changed"
    ALWAYS = "always"
    NEVER = "never"
