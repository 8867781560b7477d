"""Tiny models with random weights, saved as publishers save theirs."""

import json
import shutil
from pathlib import Path

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "and", "of", "the"]
WORDS += ["card", "bank", "query", ":", "play", "song", "lost"]
TEXTS = [
    "one two three",
    "the bank lost the card",
    "play the song and the song of the bank",
    "nine",
    "of of of of of of of",
    "six seven eight nine and zero one two three four",
    "",
    "the card",
]
"""Texts of many lengths, one of them without words."""


def wordpiece(folder: Path, max_length: int = 32) -> None:
    """Save a BERT tokenizer of whole words."""
    from transformers import BertTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    path = folder / "vocab.txt"
    path.write_text("\n".join(vocabulary))
    BertTokenizerFast(str(path), model_max_length=max_length).save_pretrained(folder)


def build_bert(folder: Path, seed: int = 0, **settings: object) -> Path:
    """Save a BERT of two layers and 32 numbers, with its tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    sizes = {
        "vocab_size": 5 + len(WORDS),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 32,
        "initializer_range": 0.5,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        BertModel(BertConfig(**{**sizes, **settings})).save_pretrained(folder)
    wordpiece(folder)
    return folder


def build_qwen(folder: Path, seed: int = 0) -> Path:
    """Save a causal model of Qwen3's architecture; its tokenizer pads on the left and adds an end token."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    vocabulary = {word: number for number, word in enumerate(["<end>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(single="$A <end>", special_tokens=[("<end>", 0)])
    sizes = {
        "vocab_size": len(vocabulary),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "initializer_range": 0.5,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        Qwen3Model(Qwen3Config(**sizes)).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<end>",
        unk_token="<unk>",
        padding_side="left",
        model_max_length=64,
    ).save_pretrained(folder)
    return folder


def as_sentence_transformers(
    folder: Path, mode: str, *, normalise: bool = True, max_length: int = 24
) -> Path:
    """Add the files by which sentence-transformers (its version 2) makes a model folder its own."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalise else [])]
    write(
        folder / "modules.json",
        [
            {"idx": number, "name": str(number), "path": f"{number}_{kind}" if number else "",
             "type": f"sentence_transformers.models.{kind}"}
            for number, kind in enumerate(kinds)
        ],
    )  # fmt: skip
    flags = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")
    pooling = {f"pooling_mode_{flag}": flag == mode for flag in flags}
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": 32, **pooling})
    write(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    if normalise:
        (folder / "2_Normalize").mkdir(exist_ok=True)
    return folder


def as_repository(cache: Path, folder: Path, name: str = "owner/tiny", commit: str = "a" * 40) -> Path:
    """Copy a model folder into a cache with the hub's own layout and give its snapshot."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    shutil.copytree(folder, snapshot)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    return snapshot


def write(path: Path, document: object) -> None:
    """Write a JSON file and the folder it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def change(path: Path, **values: object) -> None:
    """Set values in a JSON file."""
    write(path, {**json.loads(path.read_text()), **values})
