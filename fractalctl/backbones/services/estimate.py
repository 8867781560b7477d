"""What a service will take, before it is asked."""

from dataclasses import dataclass

BYTES_PER_TOKEN = 4
"""Of English text, roughly; other scripts and code have more tokens."""


@dataclass(frozen=True)
class Estimate:
    """Texts that will be sent, and what they will cost, as far as that is known.

    Args:
        model: as users name it.
        texts: that are sent.
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
