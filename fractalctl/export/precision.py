"""What the numbers of a vector are kept as."""

from enum import StrEnum

FLOAT_BYTES = 4


class Precision(StrEnum):
    """What the numbers of a vector are kept as."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"
    BINARY = "binary"

    @property
    def dtype(self) -> str:
        """Of the array."""
        return "uint8" if self is Precision.BINARY else str(self)

    def width(self, dimension: int) -> int:
        """Columns of the array that holds vectors of a dimension."""
        return -(-dimension // 8) if self is Precision.BINARY else dimension

    def n_bytes(self, dimension: int) -> int:
        """Bytes of one vector."""
        sizes = {Precision.FLOAT32: FLOAT_BYTES, Precision.FLOAT16: 2}
        return self.width(dimension) * sizes.get(self, 1)
