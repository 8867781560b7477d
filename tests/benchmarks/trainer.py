"""What a user of sentence-transformers would do with stored features: its trainer, its Matryoshka loss."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from sentence_transformers.base.modules import Dense
from sentence_transformers.base.modules import Module as LibraryModule
from sentence_transformers.sentence_transformer.losses import BatchHardSoftMarginTripletLoss, MatryoshkaLoss

from fractalctl.heads.settings import MethodSettings
from fractalctl.heads.trunks.plain import HIDDEN


class Stored(LibraryModule):
    """Instead of an encoder: a text is the number of a row of features (n, h) float32."""

    def __init__(self, features: np.ndarray) -> None:
        super().__init__()
        self.features = torch.from_numpy(features)

    def preprocess(self, inputs: list[str], **_: Any) -> dict[str, torch.Tensor]:
        """Rows, as the next module wants them."""
        return {"sentence_embedding": self.features[[int(row) for row in inputs]]}

    def forward(self, features: dict[str, torch.Tensor], **_: Any) -> dict[str, torch.Tensor]:
        """Features as they are."""
        return features

    def save(self, *_: Any, **__: Any) -> None:
        """Nothing: there is nothing to keep."""


def train_with_library(
    features: np.ndarray, labels: np.ndarray, settings: MethodSettings, folder: Path
) -> SentenceTransformer:
    """A head with one hidden layer, trained as `settings` say with a loss that the library has for classes.

    Args:
        features: (n, h) float32.
        labels: (n,) integers.
        folder: where the trainer may write.
    """
    hidden = Dense(features.shape[1], HIDDEN, activation_function=torch.nn.GELU())
    projection = Dense(HIDDEN, settings.dims[-1], activation_function=torch.nn.Identity())
    model = SentenceTransformer(modules=[Stored(features), hidden, projection], device="cpu")
    loss = MatryoshkaLoss(model, BatchHardSoftMarginTripletLoss(model), list(settings.dims))
    rows = Dataset.from_dict({"text": [*map(str, range(len(labels)))], "label": labels.tolist()})
    arguments = Arguments(
        str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        use_cpu=True,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_strategy="no",
    )
    SentenceTransformerTrainer(model, arguments, train_dataset=rows, loss=loss).train()
    return model
