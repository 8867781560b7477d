"""A backbone that a service runs: texts go there, features come back, and every answer is kept."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import closing, suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.batching import distinct
from fractalctl.backbones.services.clients import Answer, Client, OllamaClient, OpenAIClient
from fractalctl.backbones.services.spec import Estimate, Service, ServiceSpec, is_here
from fractalctl.errors import FractalError, RequestError, UnreachableError
from fractalctl.progress import Advance
from store import Answers

TEXTS_PER_REQUEST = 256
BYTES_PER_REQUEST = 200_000
"""No text has more tokens than bytes, so that a request stays below the 300,000 tokens that OpenAI takes."""

Agree = Callable[[Estimate], None]
"""Is told what a service will be asked for before it is; raises whatever shall stop it."""
_CLIENTS: dict[Service, Callable[[ServiceSpec], Client]] = {
    Service.OPENAI: OpenAIClient,
    Service.OLLAMA: OllamaClient,
}
PROBE = "dimension"
"""Text that a model is asked for of which nothing is known."""
GRACE = 20.0
"""Seconds for requests under way, when one beside them has failed or somebody interrupts."""


class ServiceBackbone:
    """A frozen encoder at a service.

    Nothing is asked before `encode`, but where only the service knows how many numbers it gives.

    Args:
        answers: where answers are kept and looked for; None keeps none.
        offline: do not touch the network; a server on this machine is none.

    Attributes:
        observed: what is recorded of where features were made.
        tokens: that the service has counted so far; None where it does not count.
    """

    def __init__(self, spec: ServiceSpec, answers: Answers | None = None, *, offline: bool = False) -> None:
        self.spec = spec
        self.tokens: int | None = 0
        self._answers, self._offline = answers, offline
        at = urlsplit(spec.endpoint).hostname if spec.endpoint else None
        self.observed: dict[str, Any] = {"device": f"{spec.service}{f' at {at}' if at else ''}"}

    @cached_property
    def dimension(self) -> int:
        """Numbers per feature, h; a model that nothing is known of is asked for one short text."""
        known = self.spec.dimensions or self.spec.known.dimension
        if known:
            return known
        kept = self._answers.find([PROBE]) if self._answers is not None else {}
        if PROBE in kept:
            return len(kept[PROBE])
        vectors = self._client.embed([self.spec.prompt + PROBE]).vectors
        if len(vectors) != 1 or not len(vectors[0]):
            raise FractalError(f"{self.spec} answers one text with {len(vectors)} vectors, expected one")
        vector = np.asarray(vectors[0], dtype=np.float32)
        if self._answers is not None and np.isfinite(vector).all():
            self._answers.add({PROBE: vector})
        return len(vector)

    @property
    def is_here(self) -> bool:
        """Whether it is a server on this machine, which costs nothing."""
        if self.spec.service is Service.OLLAMA:
            return is_here(os.environ.get("OLLAMA_HOST") or "localhost")
        return bool(self.spec.endpoint) and is_here(str(self.spec.endpoint))

    @cached_property
    def _client(self) -> Client:
        if self._offline and not self.is_here:
            raise UnreachableError(f"{self.spec} answers over the network, which --offline rules out")
        return _CLIENTS[self.spec.service](self.spec)

    def estimate(self, texts: Iterable[str]) -> Estimate:
        """What encoding texts will take that were not answered before; RequestError if one is empty."""
        once = list(dict.fromkeys(texts))
        self._check_texts(once)
        known = self._answers.known(once) if self._answers is not None else set()
        rest = [text for text in once if text not in known]
        n_bytes = sum(len(text.encode()) + len(self.spec.prompt.encode()) for text in rest)
        return Estimate(str(self.spec), len(rest), n_bytes, 0.0 if self.is_here else self.spec.known.price)

    def encode(self, texts: Sequence[str], advance: Advance = lambda _: None) -> NDArray[np.float32]:
        """Encode texts; each distinct one is asked for once, and not at all if it was answered before.

        Returns (n, h) float32 as the service gives them, in the order of the texts.

        Raises:
            RequestError: a text is empty, or the service refuses the request, its model or its key.
            UnreachableError: it does not answer.
            FractalError: it fails, or answers other than with one finite vector for each text.
        """
        once = distinct(texts)
        self._check_texts(once.texts)
        counts = dict(zip(once.texts, once.counts.tolist(), strict=True))
        found = self._answers.find(once.texts) if self._answers is not None else {}
        advance(sum(counts[text] for text in found))
        with closing(self._ask([text for text in once.texts if text not in found])) as answers:
            for answered in answers:
                found.update(answered)
                advance(sum(counts[text] for text in answered))
        features = np.empty((len(once.texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(once.texts):
            features[row] = found[text]
        return features[once.positions]

    def _ask(self, texts: Sequence[str]) -> Generator[dict[str, NDArray[np.float32]], None, None]:
        """Ask for texts in several requests at a time; each answer is kept as soon as it is there.

        When one fails, or somebody interrupts, those under way are given a while and kept as well, since they
        are paid for.
        """
        if not texts:
            return
        client = self._client
        with ThreadPoolExecutor(client.simultaneous) as pool:
            requests = {
                pool.submit(client.embed, [self.spec.prompt + text for text in some]): some
                for some in requests_of(texts, len(self.spec.prompt.encode()))
            }
            waiting = set(requests)
            try:
                for request in as_completed(requests):
                    waiting.discard(request)
                    yield self._keep(requests[request], request)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                done, _ = wait([one for one in waiting if not one.cancelled()], GRACE)
                client.close()
                vars(self).pop("_client", None)
                for request in done:
                    with suppress(FractalError):
                        self._keep(requests[request], request)
                raise

    def _keep(self, texts: Sequence[str], request: "Future[Answer]") -> dict[str, NDArray[np.float32]]:
        answer = request.result()
        vectors = self._checked(texts, answer)
        if answer.tokens is None or self.tokens is None:
            self.tokens = None
        else:
            self.tokens += answer.tokens
        found = dict(zip(texts, vectors, strict=True))
        if self._answers is not None:
            self._answers.add(found)
        return found

    def _checked(self, texts: Sequence[str], answer: Answer) -> NDArray[np.float32]:
        """The vectors of an answer (n, h), once it is sure that there is a finite one for each text."""
        sizes = set(map(len, answer.vectors))
        if len(answer.vectors) != len(texts) or sizes != {self.dimension}:
            raise FractalError(
                f"{self.spec} answers {len(texts)} texts with {len(answer.vectors)} vectors of "
                f"{' or '.join(map(str, sorted(sizes))) or 'no'} numbers, expected {self.dimension}; that "
                "answer is dropped, what came before is kept"
            )
        with np.errstate(over="ignore"):
            vectors = np.array(answer.vectors, dtype=np.float64).astype(np.float32)
        finite = np.isfinite(vectors).all(axis=1)
        if not finite.all():
            raise FractalError(
                f"{self.spec} answers the text {texts[int(np.argmin(finite))][:40]!r} with numbers that are "
                "not finite; that answer is dropped, what came before is kept"
            )
        return vectors

    def _check_texts(self, texts: Iterable[str]) -> None:
        if not self.spec.prompt and "" in texts:
            raise RequestError(
                f"one text is empty, which {self.spec} does not take; leave it out, or put something before "
                "every text with --prompt"
            )


def announce(encoder: object, texts: Iterable[str], agree: Agree, note: Callable[[str], None]) -> None:
    """Say what a service will be asked for, and let somebody stop it; other encoders are not asked.

    Args:
        texts: that it will encode; looked at only if it is a service.
    """
    if isinstance(encoder, ServiceBackbone):
        estimate = encoder.estimate(texts)
        note(str(estimate))
        agree(estimate)


def unasked(_: Estimate) -> None:
    """Agree to whatever it costs: what library functions do unless told otherwise."""


def requests_of(texts: Sequence[str], n_more: int = 0) -> Iterator[list[str]]:
    """Divide texts into requests of bounded numbers of texts and bytes; a longer text is one of its own.

    Args:
        n_more: bytes that are put before each.
    """
    some: list[str] = []
    n_bytes = 0
    for text in texts:
        size = len(text.encode()) + n_more
        if some and (len(some) == TEXTS_PER_REQUEST or n_bytes + size > BYTES_PER_REQUEST):
            yield some
            some, n_bytes = [], 0
        some.append(text)
        n_bytes += size
    if some:
        yield some
