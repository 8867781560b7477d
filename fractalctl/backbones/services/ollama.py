"""An Ollama server: which version of a model it has, and requests that are made again."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from fractalctl.errors import FractalError, MissingExtraError, RequestError, UnreachableError

if TYPE_CHECKING:
    import ollama

LONGEST = 300
"""Characters of a service's own message that are passed on."""
Result = TypeVar("Result")
TIMEOUT = 300.0
"""Seconds for one attempt: the first one loads the model, which may be large."""
ATTEMPTS = 5
LONGEST_WAIT = 8.0
"""Seconds between two attempts at most; they begin at half a second and double."""


def without_keys(message: str) -> str:
    """A foreign message in one line of bounded length, without any of the keys that it may repeat."""
    for name, value in os.environ.items():
        if name.startswith(("OPENAI_", "OLLAMA_")) and name.endswith("KEY") and value.strip():
            message = message.replace(value.strip(), "***")
    return " ".join(message.split())[:LONGEST]


def digest_of(model: str, wanted: str | None = None) -> str:
    """SHA-256 of a model of the server, as it names it.

    Args:
        model: with or without its tag; ``latest`` is the usual one.
        wanted: beginning of the digest that is expected.

    Raises:
        RequestError: the server has not got it.
        UnreachableError: there is no server.
        MissingExtraError: the client is not installed.
    """
    listed = asked(client().list).models
    digests = {str(one.model): str(one.digest).removeprefix("sha256:") for one in listed}
    found = digests.get(model) or digests.get(f"{model}:latest")
    if not found:
        there = f"there is {', '.join(sorted(digests))}" if digests else "there is none"
        raise RequestError(f"Ollama has no model {model!r} ({there}); fetch it with: ollama pull {model}")
    if wanted and not found.startswith(wanted.removeprefix("sha256:")):
        raise RequestError(f"--revision {wanted}: ollama:{model} has the digest {found}")
    return found


def client() -> "ollama.Client":
    """Return the official client of the server that ``OLLAMA_HOST`` names.

    Raises:
        MissingExtraError: the client is not installed.
    """
    try:
        import ollama
    except ImportError:
        raise MissingExtraError("ollama:MODEL", "remote") from None
    return ollama.Client(timeout=TIMEOUT)


def asked(request: Callable[[], Result]) -> Result:
    """Make a request, again where that may help, which the client itself does not do.

    Raises:
        RequestError: the server refuses it.
        UnreachableError: it does not answer.
        FractalError: it fails, or answers nonsense.
    """
    import httpx
    import ollama
    import tenacity

    def may_pass(error: BaseException) -> bool:
        if isinstance(error, ollama.ResponseError):
            return error.status_code in (408, 429) or error.status_code >= 500
        return isinstance(error, (httpx.TransportError, ConnectionError))

    again: Any = tenacity.Retrying(
        retry=tenacity.retry_if_exception(may_pass),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        reraise=True,
    )
    try:
        result: Result = again(request)
    except ollama.ResponseError as error:
        kind = RequestError if error.status_code < 500 else FractalError
        raise kind(f"Ollama: {without_keys(str(error))}; what was answered is kept") from None
    except ConnectionError:
        raise UnreachableError(
            "no Ollama server answers; start it (ollama serve), or say where it is with OLLAMA_HOST"
        ) from None
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"Ollama does not answer ({type(error).__name__}), {ATTEMPTS} times in a row; what was answered "
            "is kept"
        ) from None
    except (TypeError, ValueError) as error:
        raise FractalError(
            f"Ollama answers no list of vectors ({without_keys(str(error))}); that answer is dropped"
        ) from None
    return result
