"""An encoder whose last layers are trained: what is below them runs once per text."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fractalctl.backbones.batching import Distinct, distinct, token_batches
from fractalctl.backbones.encoder import Backbone
from fractalctl.backbones.transformer import pool
from fractalctl.errors import RequestError
from fractalctl.progress import Advance

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class LowerStates:
    """What the layers that stay as they are make of some texts.

    Attributes:
        texts: the texts without repetitions, and the way back; rows are those of the original n texts.
        tokens: token numbers of each distinct text.
        values: (all tokens of all distinct texts, h) float32 states that enter the first trained layer, in a
            temporary file that the system removes.
        starts: (distinct texts + 1,) int64 where each text's tokens begin.
    """

    texts: Distinct
    tokens: list[list[int]]
    values: np.ndarray
    starts: Rows

    def of(self, text: int) -> NDArray[np.float32]:
        """States (t, h) of one distinct text."""
        return self.values[self.starts[text] : self.starts[text + 1]]


class TunableEncoder(Backbone):
    """An encoder with its last n layers open to training, all else as it was loaded.

    The model's own code runs; below the trained layers it is handed what `lower` computed. Dropout stays off,
    so that an encoder that does not move gives the features of the set that it made.

    Args:
        backbone: in float32; it must not be used any more.
        n_layers: how many of the last layers are trained, at least 1.

    Attributes:
        parameters: of the last n layers by name; all others are frozen.

    Raises RequestError: the model has fewer layers, or keeps them in no list.
    """

    def __init__(self, backbone: Backbone, n_layers: int) -> None:
        vars(self).update(vars(backbone))
        self._layers = self._find_layers()
        depth = len(self._layers)
        if not 1 <= n_layers <= depth:
            raise RequestError(
                f"{self.spec.name} has {depth} layers, of which {n_layers} cannot be trained; --layers takes "
                f"1 to {depth}"
            )
        self._first = depth - n_layers
        self._lower = list(self._layers[: self._first])
        self._given: torch.Tensor | None = None
        self._in_tuple = False
        self._model.requires_grad_(requires_grad=False)
        trained = torch.nn.ModuleDict(
            {str(place): self._layers[place] for place in range(self._first, depth)}
        )
        self.parameters = dict(trained.requires_grad_().named_parameters())
        self._layers[self._first].register_forward_pre_hook(self._hand_over)
        self._layers[self._first].register_forward_hook(self._check)

    def _find_layers(self) -> torch.nn.ModuleList:
        depth = getattr(self._model.config, "num_hidden_layers", None)
        lists = [part for part in self._model.modules() if isinstance(part, torch.nn.ModuleList)]
        fitting = [part for part in lists if len(part) == depth]
        if len(fitting) != 1:
            raise RequestError(f"{self.spec.name}: its layers are not to be found, so none can be trained")
        return fitting[0]

    def _hand_over(
        self, _layer: torch.nn.Module, arguments: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        """Put the given states in the place of those that come from below."""
        return arguments if self._given is None else (self._given, *arguments[1:])

    def _check(self, _layer: torch.nn.Module, arguments: tuple[object, ...], given: object) -> None:
        """See that a layer goes from states to states and nothing else, so that another may stand there."""
        self._in_tuple = isinstance(given, tuple)
        states = given[0] if isinstance(given, tuple) and len(given) == 1 else given
        if not arguments or not isinstance(states, torch.Tensor):
            raise RequestError(
                f"{self.spec.name}: its layers hand on more than the states of tokens, so they cannot be "
                "trained apart from those below; BERT and most encoders of its kind can"
            )

    def lower(self, texts: Sequence[str], advance: Advance = lambda _: None) -> LowerStates:
        """Run the layers below the trained ones, once for each distinct text.

        Args:
            texts: n texts.

        Raises RequestError: a text has no tokens, or the model's layers cannot be trained apart.
        """
        once = distinct(texts)
        tokens, counts = self._tokenise(once.texts), once.counts
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        starts = np.concatenate(([0], np.cumsum(lengths)))
        with tempfile.TemporaryFile() as file:
            values = np.memmap(file, np.float32, "w+", shape=(int(starts[-1]), self.dimension))
        states = LowerStates(once, tokens, values, starts)
        self._run_lower_layers()
        for rows in token_batches(lengths, self._tokens_at_once):
            for row, found in zip(rows, self._entering([tokens[row] for row in rows]), strict=True):
                states.of(row)[:] = found[: lengths[row]]
            advance(int(counts[rows].sum()))
        return states

    @torch.inference_mode()
    def _entering(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """States (n, t, h) that enter the first trained layer."""
        ids, mask = self._padded(tokens)
        found = self._model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        return found[self._first].float().cpu().numpy()

    def _run_lower_layers(self) -> None:
        self._given = None
        for place, layer in enumerate(self._lower):
            self._layers[place] = layer

    def upper(self, states: LowerStates, rows: Rows) -> torch.Tensor:
        """Features of some texts by the trained layers, with their gradient.

        Args:
            rows: (n,) rows of the original texts.

        Returns (n, h) float32, pooled, not normalised.
        """
        return self._from_texts(states, states.texts.positions[rows])

    def _from_texts(self, states: LowerStates, texts: Rows) -> torch.Tensor:
        ids, mask = self._padded([states.tokens[text] for text in texts])
        given = np.zeros((*ids.shape, self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            found = states.of(text)
            given[row, : len(found)] = found
        self._given = torch.from_numpy(given).to(self._device)
        for place in range(self._first):
            self._layers[place] = _Skipped(self._lower[place], in_tuple=self._in_tuple)
        found = self._model(input_ids=ids, attention_mask=mask).last_hidden_state
        return pool(found, mask, self.spec.pooling)

    @torch.no_grad()
    def features(self, states: LowerStates, rows: Rows) -> NDArray[np.float32]:
        """Features (n, h) of some texts by the trained layers as they are, texts of like length together."""
        texts, places = np.unique(states.texts.positions[rows], return_inverse=True)
        found = np.empty((len(texts), self.dimension), dtype=np.float32)
        for batch in token_batches(np.diff(states.starts)[texts], self._tokens_at_once):
            found[batch] = self._from_texts(states, texts[batch]).cpu().numpy()
        return found[places]

    def weights(self) -> dict[str, torch.Tensor]:
        """A copy of the trained layers' parameters by name, on the CPU."""
        return {name: parameter.detach().cpu().clone() for name, parameter in self.parameters.items()}

    @torch.no_grad()
    def load(self, weights: dict[str, torch.Tensor]) -> None:
        """Put what `weights` gave back into the trained layers."""
        for name, parameter in self.parameters.items():
            parameter.copy_(weights[name])


class _Skipped(torch.nn.Module):
    """Stands where a layer stood whose work is done, with the settings that the model asks the layer for."""

    def __init__(self, layer: torch.nn.Module, *, in_tuple: bool) -> None:
        super().__init__()
        vars(self).update({name: value for name, value in vars(layer).items() if not name.startswith("_")})
        self._in_tuple = in_tuple

    def forward(self, states: torch.Tensor, *_: object, **__: object) -> torch.Tensor | tuple[torch.Tensor]:
        return (states,) if self._in_tuple else states
