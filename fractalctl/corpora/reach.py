"""Whether the Hugging Face hub can be reached, known soon, and what to do if not."""

import os
from queue import Empty, SimpleQueue
from threading import Thread

from fractalctl.errors import UnreachableError

PROBE_SECONDS = 5.0
"""How long the hub has to give a sign of life before the local cache is tried."""


def endpoint() -> str:
    """Address of the hub (``HF_ENDPOINT``, else the public one)."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")


def why_unreachable() -> str | None:
    """Ask the hub for a sign of life.

    The hub's own libraries repeat a failing request for the better part of a minute; one request with a
    time limit that covers name resolution too answers the same question at once.

    Returns:
        None if something answers at its address, else why not.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        return "HF_HUB_OFFLINE is set"
    outcome: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: outcome.put(_probe()), daemon=True).start()
    try:
        return outcome.get(timeout=PROBE_SECONDS)
    except Empty:
        return f"no answer within {PROBE_SECONDS:g} seconds"


def _probe() -> str | None:
    # A look-up in the store never comes here, and these take a tenth of its time to import.
    from ssl import SSLError
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(endpoint(), method="HEAD"), timeout=PROBE_SECONDS).close()  # noqa: S310  the user's own setting
    except HTTPError:
        return None
    except URLError as error:
        # A certificate that Python alone does not trust may be one that the hub's libraries do.
        return None if isinstance(error.reason, SSLError) else str(error.reason)
    except (OSError, ValueError) as error:
        return str(error)
    return None


def unreachable(what: str, reason: str, *ways: str) -> UnreachableError:
    """The error for somebody who asks for what is neither on the hub nor in its local cache.

    Args:
        what: what was asked for.
        reason: why the hub did not give it.
        ways: what can be done about it, beside bringing the cache from another machine.
    """
    cache = os.environ.get("HF_HOME", "~/.cache/huggingface")
    carried = (
        "an offline cache: give the same command with HF_HOME=FOLDER on a machine that reaches the\n"
        "     hub, bring the folder here, set HF_HOME to it and add --offline"
    )
    listed = "\n".join(f"  {number}. {way}" for number, way in enumerate((*ways, carried), 1))
    return UnreachableError(
        f"{what} cannot be had from {endpoint()} ({reason}), nor from the local cache ({cache}).\n"
        f"Three ways on:\n{listed}"
    )
