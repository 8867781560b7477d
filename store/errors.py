"""The errors of the feature store; like all errors a user can meet, each carries an exit code."""


class StoreError(Exception):
    """A feature set cannot be read, written or trusted; the message names the file. Exit code 1."""

    exit_code = 1


class StoreRequestError(StoreError):
    """The store was asked for something that it does not hold or cannot do. Exit code 2."""

    exit_code = 2
