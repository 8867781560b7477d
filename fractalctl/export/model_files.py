"""Files of a backbone that exported folders take along."""

from pathlib import Path

TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "*.model"),
)


def tokenizer_files(transformer: Path) -> list[Path]:
    """All files of the tokenizer in the folder of a transformer."""
    return [path for name in TOKENIZER_FILES for path in sorted(transformer.glob(name))]
