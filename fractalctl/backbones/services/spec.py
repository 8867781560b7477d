"""What a backbone is whose weights a service holds, and what it will take, before it is asked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from fractalctl.errors import RequestError
from fractalctl.plugins import packaged_tables
from store.recipe import check_name, safe_name

USUAL_ENDPOINT = "https://api.openai.com/v1"
BYTES_PER_TOKEN = 4
"""Of English text, roughly; other scripts and code have more tokens."""


class Service(StrEnum):
    """Who answers."""

    OPENAI = "openai"
    """OpenAI, or whatever speaks its API at ``OPENAI_BASE_URL``."""
    OLLAMA = "ollama"
    """An Ollama server, at ``OLLAMA_HOST`` or on this machine."""


@dataclass(frozen=True)
class Model:
    """What is known of a service's model.

    Attributes:
        dimension: numbers per feature unless fewer are asked for; None is to be found out.
        price: US dollars per million tokens; None where it is not known.
    """

    dimension: int | None = None
    price: float | None = None


@dataclass(frozen=True)
class ServiceSpec:
    """Everything that decides the features that a service gives.

    Args:
        name: of the feature sets in the store.
        model: what the service calls it.
        dimensions: numbers per feature, passed on to the service; None is the model's own.
        endpoint: where the service is, if that is not its usual place: another one may hold another model of
            the same name. Without user, password and query, which may hold keys.
        digest: SHA-256 of the model, where the service tells it.
    """

    name: str
    service: Service
    model: str
    dimensions: int | None = None
    prompt: str = ""
    endpoint: str | None = None
    digest: str | None = None

    def __post_init__(self) -> None:
        """Take words for members, and refuse what could not be a file's name."""
        check_name("backbone", self.name)
        object.__setattr__(self, "service", Service(self.service))

    def identity(self) -> dict[str, Any]:
        """JSON values that fix the features."""
        found = {
            "service": str(self.service),
            "model": self.model,
            "dimensions": self.dimensions,
            "prompt": self.prompt,
            "endpoint": self.endpoint,
            "digest": self.digest,
        }
        return {key: value for key, value in found.items() if value is not None}

    def __str__(self) -> str:
        """As users name it."""
        return f"{self.service}:{self.model}"

    @property
    def known(self) -> Model:
        """What is known of the model; nothing of those at another endpoint."""
        return Model() if self.endpoint else known_models().get(self.service, {}).get(self.model, Model())


def resolve_service(
    name: str, *, dimensions: int | None = None, prompt: str | None = None, revision: str | None = None
) -> ServiceSpec:
    """Find out which service and model is meant.

    A model of Ollama is known by its digest, which the server is asked for unless it is given whole, since a
    name there may be given to another model at any time. OpenAI is not asked.

    Args:
        name: ``openai:MODEL`` or ``ollama:MODEL``.
        revision: digest of a model of Ollama, or its beginning.

    Raises:
        RequestError: no model is named, it is not there, or it has not so many dimensions.
        UnreachableError: the server does not answer.
        MissingExtraError: the client of the service is not installed.
    """
    word, _, model = name.partition(":")
    service = Service(word)
    if not model:
        raise RequestError(f"'{name}': expected {service}:MODEL, such as {EXAMPLES[service]}")
    endpoint = digest = None
    if service is Service.OPENAI:
        if revision:
            raise RequestError(f"--revision is of models with versions to choose from; {name} has none")
        endpoint = _endpoint(os.environ.get("OPENAI_BASE_URL", ""))
    else:
        from fractalctl.backbones.services.ollama import digest_of

        digest = revision if revision and len(revision) == 64 else digest_of(model, revision)
    called = safe_name(f"{service}-{model.removesuffix(':latest')}")
    spec = ServiceSpec(
        f"{called}-{dimensions}" if dimensions else called,
        service, model, dimensions, prompt or "", endpoint, digest,
    )  # fmt: skip
    if dimensions and spec.known.dimension and dimensions > spec.known.dimension:
        raise RequestError(f"--dimensions {dimensions}: {name} gives at most {spec.known.dimension} numbers")
    return spec


EXAMPLES = {Service.OPENAI: "openai:text-embedding-3-small", Service.OLLAMA: "ollama:nomic-embed-text"}


def is_service(name: str) -> bool:
    """Whether a name is that of a service's model."""
    word, colon, _ = name.partition(":")
    return bool(colon) and word in list(Service)


def is_here(address: str) -> bool:
    """Whether an address (URL) is that of this machine, where nothing costs and no network is needed."""
    host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
    try:
        found = ip_address(host)
    except ValueError:
        return host == "localhost"
    return found.is_loopback or found.is_unspecified


@cache
def known_models() -> Mapping[str, Mapping[str, Model]]:
    """The models of ``services.toml``, by service and name."""
    tables = packaged_tables(__package__, "services.toml")
    return {
        service: {name: Model(**row) for name, row in models.items()} for service, models in tables.items()
    }


def _endpoint(address: str) -> str | None:
    """An address without what may be secret in it; None for the usual one."""
    if not address.strip():
        return None
    parts = urlsplit(address.strip())
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError("OPENAI_BASE_URL is no address of a server; expected https://HOST/v1 or the like")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    found = f"{parts.scheme}://{host}{port}{parts.path.rstrip('/')}"
    return None if found == USUAL_ENDPOINT else found


@dataclass(frozen=True)
class Estimate:
    """Texts that will be sent, and what they will cost, as far as that is known.

    Args:
        n_bytes: of UTF-8 in them, prompts included.
        price: US dollars per million tokens; 0 costs nothing, None is not known.
    """

    model: str
    texts: int
    n_bytes: int
    price: float | None

    @property
    def tokens(self) -> int:
        """About how many tokens that is."""
        return -(-self.n_bytes // BYTES_PER_TOKEN)

    @property
    def free(self) -> bool:
        """Whether nothing can be charged."""
        return self.texts == 0 or self.price == 0

    def __str__(self) -> str:
        """For the person who pays."""
        if self.texts == 0:
            return f"all texts were answered before; {self.model} is asked for none"
        cost = "" if self.price == 0 else ", at a price that is not known here"
        if self.price:
            cost = f", {dollars(self.price * self.tokens)} or so"
        return f"{self.texts} texts go to {self.model}: about {self.tokens} tokens{cost}"


def dollars(millionths: float) -> str:
    """An amount in millionths of a dollar, in words that do not round it to nothing."""
    amount = millionths / 1e6
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.4f}" if amount >= 1e-4 else "less than $0.0001"
