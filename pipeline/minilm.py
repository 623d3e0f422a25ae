"""The sentence encoder all-MiniLM-L6-v2 (a BERT of 6 layers) on plain numpy, with an adapter.

The adapter (LoRA: Hu et al. 2021, https://arxiv.org/abs/2106.09685) is a small low-rank change of
its weights that was learnt for the task at hand; :mod:`pipeline.training` learns it. Numpy, because
a call's words are few and torch takes seconds to load.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from pipeline import models

LAYERS, HEADS, SIZE, MOST_TOKENS = 6, 12, 384, 512
EPSILON = 1e-12
# An adapter's product counts so much: alpha / rank in the paper's terms.
ADAPTER_SCALE = 2.0
CLS, SEP = 101, 102

Array = NDArray[np.float32]

# The linear maps of a layer by our names, and where the model's file has them.
LINEAR = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attended": "attention.output.dense",
    "wider": "intermediate.dense",
    "narrower": "output.dense",
}


def load_weights() -> dict[str, Array]:
    """The bundled model's weights by their names in its file, the hash checked. ModelError."""
    from safetensors.numpy import load_file

    weights = load_file(models.sentence_encoder_file())
    return {name.removeprefix("bert."): value for name, value in weights.items()}


@cache
def tokenizer() -> Any:
    """The model's own tokenizer (lower case, word pieces)."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(models.sentence_tokenizer_file()))
    made.no_padding()
    made.no_truncation()
    return made


class Encoder:
    """The model with an adapter merged in. ``adapter`` holds "LAYER.NAME.down" and "….up"."""

    def __init__(self, weights: Mapping[str, Array], adapter: Mapping[str, Array]) -> None:
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = weights["embeddings.position_embeddings.weight"]
        self._segments = weights["embeddings.token_type_embeddings.weight"]
        self._norm = _norm_of(weights, "embeddings")
        self._layers = [_Layer(weights, adapter, number) for number in range(LAYERS)]

    def __call__(self, ids: NDArray[np.int64], segments: NDArray[np.int64]) -> Array:
        """The state (tokens, 384) of each token of one text (tokens,), at most ``MOST_TOKENS``."""
        states = self._words[ids] + self._places[: len(ids)] + self._segments[segments]
        states = _normed(states, self._norm)
        for layer in self._layers:
            states = layer(states)
        return states


class _Layer:
    def __init__(
        self, weights: Mapping[str, Array], adapter: Mapping[str, Array], number: int
    ) -> None:
        place = f"encoder.layer.{number}."
        self._linear = {}
        for name, inside in LINEAR.items():
            weight = weights[f"{place}{inside}.weight"]
            if f"{number}.{name}.up" in adapter:
                up, down = adapter[f"{number}.{name}.up"], adapter[f"{number}.{name}.down"]
                weight = weight + ADAPTER_SCALE * (up @ down)
            transposed = np.ascontiguousarray(weight.T, dtype=np.float32)
            self._linear[name] = transposed, weights[f"{place}{inside}.bias"]
        self._attention_norm = _norm_of(weights, f"{place}attention.output")
        self._output_norm = _norm_of(weights, f"{place}output")

    def __call__(self, states: Array) -> Array:
        attended = self._apply("attended", self._attend(states))
        states = _normed(states + attended, self._attention_norm)
        wide = self._apply("wider", states)
        wide *= 0.5 * (1.0 + erf(wide * np.float32(1 / np.sqrt(2))))
        return _normed(states + self._apply("narrower", wide), self._output_norm)

    def _attend(self, states: Array) -> Array:
        def heads(name: str) -> Array:
            return self._apply(name, states).reshape(len(states), HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        match = query @ key.transpose(0, 2, 1) * np.float32(1 / np.sqrt(SIZE / HEADS))
        match = np.exp(match - match.max(axis=-1, keepdims=True))
        match /= match.sum(axis=-1, keepdims=True)
        return (match @ value).transpose(1, 0, 2).reshape(len(states), SIZE)

    def _apply(self, name: str, states: Array) -> Array:
        weight, bias = self._linear[name]
        return states @ weight + bias


def _norm_of(weights: Mapping[str, Array], place: str) -> tuple[Array, Array]:
    return weights[f"{place}.LayerNorm.weight"], weights[f"{place}.LayerNorm.bias"]


def _normed(states: Array, norm: tuple[Array, Array]) -> Array:
    centred = states - states.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
    return centred / spread * norm[0] + norm[1]
