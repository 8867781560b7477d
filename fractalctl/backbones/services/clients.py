"""The official clients of services, with their errors in our words: OpenAI's, and that of Ollama."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.services.ollama import asked, client, digest_of, without_keys
from fractalctl.backbones.services.spec import USUAL_ENDPOINT, ServiceSpec
from fractalctl.errors import FractalError, MissingExtraError, RequestError, UnreachableError

if TYPE_CHECKING:
    import openai

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


class OllamaClient:
    """Asks for embeddings; texts longer than the model takes are cut by the server.

    Raises:
        RequestError: the server has the model in another version, or has not got it.
        UnreachableError: there is no server.
        MissingExtraError: the client is not installed.
    """

    simultaneous = 1
    """The server is as a rule on this machine, which one request keeps busy."""

    def __init__(self, spec: ServiceSpec) -> None:
        self._spec = spec
        found = digest_of(spec.model)
        if found != spec.digest:
            raise RequestError(
                f"{spec} is another model now: its digest is {found[:12]}, expected {str(spec.digest)[:12]}; "
                f"fetch that one again, or make new features with {spec}"
            )
        self._client: Any = client()  # whose close is not typed

    def embed(self, texts: Sequence[str]) -> Answer:
        """Ask for the vectors of texts, see `Client.embed`."""
        spec = self._spec
        found = asked(
            lambda: self._client.embed(model=spec.model, input=list(texts), dimensions=spec.dimensions)
        )
        return Answer(found.embeddings, found.prompt_eval_count)

    def close(self) -> None:
        """Ask for nothing more, see `Client.close`."""
        self._client.close()


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
