"""The official clients of services, with their errors in our words: OpenAI's, and that of Ollama."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.services.spec import USUAL_ENDPOINT, ServiceSpec
from fractalctl.errors import FractalError, MissingExtraError, RequestError, UnreachableError

if TYPE_CHECKING:
    import ollama
    import openai

    from fractalctl.backbones.services.spec import ServiceSpec

LONGEST = 300
"""Characters of a service's own message that are passed on."""
Result = TypeVar("Result")
OLLAMA_TIMEOUT = 300.0
"""Seconds for one attempt: the first one loads the model, which may be large."""
ATTEMPTS = 5
LONGEST_WAIT = 8.0
"""Seconds between two attempts at most; they begin at half a second and double."""
OPENAI_TIMEOUT = 60.0
"""Seconds for one attempt; the client's own ten minutes are a long time in front of a silent server."""
RETRIES = 8
"""After the first attempt; the client waits as long as ``Retry-After`` says, else ever longer up to 8 s."""


@dataclass(frozen=True)
class Answer:
    """What a service said to one request, unchecked.

    Attributes:
        vectors: one for each text, in the order of the texts.
        tokens: that it counted; None where it does not say.
    """

    vectors: Sequence[Sequence[float] | NDArray[np.float64]]
    tokens: int | None


class Client(Protocol):
    """A service's official client, with its errors in our words."""

    simultaneous: int
    """Requests that may be under way at a time."""

    def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of texts, again and again where that may help.

        Raises:
            RequestError: the service refuses the request, its model or its key.
            UnreachableError: it does not answer.
            FractalError: it fails, or answers nonsense.
        """

    def close(self) -> None:
        """Ask for nothing more."""


def without_keys(message: str) -> str:
    """A foreign message in one line of bounded length, without any of the keys that it may repeat."""
    for name, value in os.environ.items():
        if name.startswith(("OPENAI_", "OLLAMA_")) and name.endswith("KEY") and value.strip():
            message = message.replace(value.strip(), "***")
    return " ".join(message.split())[:LONGEST]


class OllamaClient:
    """Asks for embeddings; texts longer than the model takes are cut by the server.

    Raises:
        RequestError: the server has the model in another version, or has not got it.
        UnreachableError: there is no server.
        MissingExtraError: the client is not installed.
    """

    simultaneous = 1
    """The server is as a rule on this machine, which one request keeps busy."""

    def __init__(self, spec: "ServiceSpec") -> None:
        self._spec = spec
        found = digest_of(spec.model)
        if found != spec.digest:
            raise RequestError(
                f"{spec} is another model now: its digest is {found[:12]}, expected {str(spec.digest)[:12]}; "
                f"fetch that one again, or make new features with {spec}"
            )
        self._client: Any = _client()  # whose close is not typed

    def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of texts, see `Client.embed`."""
        spec = self._spec
        found = _asked(
            lambda: self._client.embed(model=spec.model, input=list(texts), dimensions=spec.dimensions)
        )
        return Answer(found.embeddings, found.prompt_eval_count)

    def close(self) -> None:
        """Ask for nothing more, see `Client.close`."""
        self._client.close()


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
    listed = _asked(_client().list).models
    digests = {str(one.model): str(one.digest).removeprefix("sha256:") for one in listed}
    found = digests.get(model) or digests.get(f"{model}:latest")
    if not found:
        there = f"there is {', '.join(sorted(digests))}" if digests else "there is none"
        raise RequestError(f"Ollama has no model {model!r} ({there}); fetch it with: ollama pull {model}")
    if wanted and not found.startswith(wanted.removeprefix("sha256:")):
        raise RequestError(f"--revision {wanted}: ollama:{model} has the digest {found}")
    return found


def _client() -> "ollama.Client":
    try:
        import ollama
    except ImportError:
        raise MissingExtraError("ollama:MODEL", "remote") from None
    return ollama.Client(timeout=OLLAMA_TIMEOUT)


def _asked(request: Callable[[], Result]) -> Result:
    """Make a request, again where that may help, which the client itself does not do."""
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


class OpenAIClient:
    """Asks for embeddings.

    The official client repeats what may pass: no connection, time-outs, 408, 409, 429 and 5xx.

    Args:
        spec: model and dimensions; the key is taken from ``OPENAI_API_KEY``.

    Raises RequestError: there is no key, or what is there is none; MissingExtraError: the client is not
    installed.
    """

    simultaneous = 4

    def __init__(self, spec: ServiceSpec) -> None:
        try:
            from openai import OpenAI
        except ImportError:
            raise MissingExtraError(str(spec), "remote") from None
        self._spec = spec
        address = os.environ.get("OPENAI_BASE_URL", "").strip() or USUAL_ENDPOINT
        self._client = OpenAI(
            api_key=_key(spec), base_url=address, timeout=OPENAI_TIMEOUT, max_retries=RETRIES
        )

    def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of texts, see `Client.embed`."""
        import openai

        spec = self._spec
        more: dict[str, Any] = {"dimensions": spec.dimensions} if spec.dimensions else {}
        try:
            found = self._client.embeddings.create(model=spec.model, input=list(texts), **more)
            rows = sorted(found.data, key=lambda row: row.index)
            vectors = [np.asarray(row.embedding, dtype=np.float64).reshape(-1) for row in rows]
            return Answer(vectors, found.usage.total_tokens if found.usage else None)
        except openai.OpenAIError as error:
            raise _in_our_words(spec, error) from None  # a cause may repeat the key in a traceback
        except (AttributeError, TypeError, ValueError) as error:
            raise FractalError(
                f"{spec} answers no list of vectors ({without_keys(str(error))}); that answer is dropped"
            ) from None

    def close(self) -> None:
        """Ask for nothing more, see `Client.close`."""
        self._client.close()


def _key(spec: ServiceSpec) -> str:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key and spec.endpoint:
        return "none"  # many servers that speak the same API want no key, but the client wants one
    if not key:
        raise RequestError(f"{spec} needs a key: set the environment variable OPENAI_API_KEY")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise RequestError("OPENAI_API_KEY holds blanks or other characters that no key has; set it anew")
    return key


def _in_our_words(spec: ServiceSpec, error: "openai.OpenAIError") -> FractalError:
    import openai

    where = spec.endpoint or "OpenAI"
    if isinstance(error, openai.APIConnectionError):
        late = isinstance(error, openai.APITimeoutError)
        patience = f"does not answer within {OPENAI_TIMEOUT:g} s"
        what = patience if late else "cannot be reached, or cuts the connection"
        return UnreachableError(f"{where} {what}, {RETRIES + 1} times in a row; what was answered is kept")
    if not isinstance(error, openai.APIStatusError):
        return FractalError(f"{spec}: {without_keys(str(error))}")
    code, said = error.status_code, without_keys(error.message)
    if code in (401, 403):
        return RequestError(f"{where} refuses the key in OPENAI_API_KEY for {spec.model} ({code})")
    if code == 429:
        return FractalError(
            f"{where} still limits the rate after {RETRIES + 1} attempts, or the account has no quota left "
            f"({said}); what was answered is kept, and the same command goes on from there"
        )
    if code < 500:
        return RequestError(f"{where} refuses a request for {spec.model}: {said}")
    return FractalError(f"{where} fails ({said}); what was answered is kept, try again later")
