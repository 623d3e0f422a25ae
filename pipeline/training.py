"""Learns the tagger of dialogue moves from the labelled dialogues: ``make train``.

Seeded; about half an hour on two cores. Every third of the dialogues' writers is held back in turn:
what is found in their dialogues by a tagger that never saw them sets the thresholds. The shipped
tagger is then trained on all.
"""

import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.dialogues import Dialogue
from pipeline.minilm import ADAPTER_SCALE, EPSILON, HEADS, LAYERS, LINEAR, SIZE, load_weights
from pipeline.records import PARTIES, Role
from pipeline.tagger import WINDOW_WORDS, read_tokens, read_words

# A move with fewer examples is left to its patterns.
FEWEST_EXAMPLES = 12
RANK = 8
EPOCHS = 12
LEARNING_RATE = 3e-3
TOKENS_A_BATCH = 1800
# What speech recognition and turn-taking do to words, done to so many of the examples.
DROP_WORDS_IN, DROP_WORDS = 0.4, 0.08
SPLIT_TURNS_IN = 0.15
DROP_CONTEXT_IN = 0.1


@dataclass(frozen=True, slots=True)
class Example:
    """A turn (or a part of one): its words, those before it, and which word makes which move."""

    role: Role
    before: tuple[str, ...]
    words: tuple[str, ...]
    labels: np.ndarray  # (words, moves), 0 or 1


def side_of_moves(dialogues: Iterable[Dialogue]) -> dict[str, Role]:
    """The moves that have examples enough, and whose they are."""
    counted: Counter[tuple[str, Role]] = Counter()
    for dialogue in dialogues:
        for turn, parts in zip(dialogue.turns, dialogue.stretches, strict=True):
            counted.update((move, turn.role) for part in parts for move in part.moves)
    return {
        move: role
        for (move, role), count in sorted(counted.items())
        if count >= FEWEST_EXAMPLES and count > sum(counted.values()) * 0
    }


def examples_of(dialogues: Iterable[Dialogue], moves: Sequence[str]) -> Iterator[Example]:
    """The turns of dialogues, windowed as the tagger reads them."""
    column = {move: index for index, move in enumerate(moves)}
    for dialogue in dialogues:
        before: tuple[str, ...] = ()
        for turn, parts in zip(dialogue.turns, dialogue.stretches, strict=True):
            said = read_words(turn.text)
            labels = np.zeros((len(said.words), len(moves)), np.float32)
            for index, (start, end) in enumerate(said.spans):
                for part in parts:
                    if start >= part.start and end <= part.end:
                        wanted = [column[move] for move in part.moves if move in column]
                        labels[index, wanted] = 1
            for first in range(0, len(said.words), WINDOW_WORDS):
                window = slice(first, first + WINDOW_WORDS)
                yield Example(turn.role, before, said.words[window], labels[window])
                before = said.words[window]


def roughened(example: Example, chance: random.Random) -> Example:
    """An example as a recogniser might have heard it."""
    before, words, labels = example.before, example.words, example.labels
    if chance.random() < DROP_CONTEXT_IN:
        before = ()
    if chance.random() < SPLIT_TURNS_IN and len(words) > 6:
        cut = chance.randrange(3, len(words) - 2)
        if chance.random() < 0.5:
            words, labels = words[:cut], labels[:cut]
        else:
            before, words, labels = words[:cut], words[cut:], labels[cut:]
    if chance.random() < DROP_WORDS_IN and len(words) > 3:
        kept = [i for i in range(len(words)) if chance.random() > DROP_WORDS] or [0]
        words, labels = tuple(words[i] for i in kept), labels[kept]
    return Example(example.role, before, words, labels)


class _Adapted(nn.Module):
    """A linear map of the encoder, frozen, with a low-rank change that is learnt."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("bias", bias)
        self.down = nn.Parameter(torch.randn(RANK, weight.shape[1]) / math.sqrt(weight.shape[1]))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], RANK))

    def forward(self, states: Tensor) -> Tensor:
        change = F.linear(F.linear(states, self.down), self.up) * ADAPTER_SCALE
        return F.linear(states, cast(Tensor, self.weight), cast(Tensor, self.bias)) + change


class _Network(nn.Module):
    """:class:`pipeline.minilm.Encoder` in torch, for batches, with a linear map per move on top."""

    def __init__(self, moves: int) -> None:
        super().__init__()
        self.frozen = {name: torch.tensor(value) for name, value in load_weights().items()}
        self.adapted = nn.ModuleDict(
            {
                f"{layer}_{name}": _Adapted(
                    self.frozen[f"encoder.layer.{layer}.{inside}.weight"],
                    self.frozen[f"encoder.layer.{layer}.{inside}.bias"],
                )
                for layer in range(LAYERS)
                for name, inside in LINEAR.items()
            }
        )
        self.top = nn.Linear(SIZE, moves)
        nn.init.constant_(self.top.bias, -3.0)  # most words make no given move
        self.dropout = nn.Dropout(0.1)

    def forward(self, ids: Tensor, segments: Tensor, mask: Tensor, by_word: Tensor) -> Tensor:
        frozen = self.frozen
        states = (
            frozen["embeddings.word_embeddings.weight"][ids]
            + frozen["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + frozen["embeddings.token_type_embeddings.weight"][segments]
        )
        states = self._normed(states, "embeddings")
        hidden = (1 - mask[:, None, None, :]) * -1e4
        for layer in range(LAYERS):
            place = f"encoder.layer.{layer}."
            attended = self.adapted[f"{layer}_attended"](self._attend(states, layer, hidden))
            states = self._normed(states + self.dropout(attended), f"{place}attention.output")
            wide = F.gelu(self.adapted[f"{layer}_wider"](states))
            narrow = self.adapted[f"{layer}_narrower"](wide)
            states = self._normed(states + self.dropout(narrow), f"{place}output")
        return self.top(torch.bmm(by_word, states))

    def _attend(self, states: Tensor, layer: int, hidden: Tensor) -> Tensor:
        batch, tokens, _ = states.shape
        query, key, value = (
            self.adapted[f"{layer}_{name}"](states).view(batch, tokens, HEADS, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=hidden)
        return attended.transpose(1, 2).reshape(batch, tokens, SIZE)

    def _normed(self, states: Tensor, place: str) -> Tensor:
        weight = self.frozen[f"{place}.LayerNorm.weight"]
        bias = self.frozen[f"{place}.LayerNorm.bias"]
        return F.layer_norm(states, (SIZE,), weight, bias, EPSILON)


def learn(examples: Sequence[Example], sides: Sequence[Role], seed: int) -> dict[str, np.ndarray]:
    """The parameters of a tagger, as its file holds them."""
    torch.manual_seed(seed)
    chance = random.Random(seed)
    network = _Network(len(sides))
    learnt = [p for p in network.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learnt, lr=LEARNING_RATE, weight_decay=0.01)
    of_side = {role: torch.tensor([float(side == role) for side in sides]) for role in PARTIES}
    steps = EPOCHS * len(list(_batches(examples, chance)))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, LEARNING_RATE, total_steps=steps + EPOCHS * 8, pct_start=0.08
    )
    network.train()
    for epoch in range(EPOCHS):
        began, total, count = time.perf_counter(), 0.0, 0
        rough = [roughened(example, chance) for example in examples]
        for batch in _batches(rough, chance):
            loss = _loss(network, batch, of_side)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(learnt, 1.0)
            optimiser.step()
            schedule.step()
            total, count = total + loss.item(), count + 1
        took = time.perf_counter() - began
        print(f"  epoch {epoch + 1}: loss {total / count:.3f}, {took:.0f} s", flush=True)
    return _parameters(network)


def _batches(examples: Sequence[Example], chance: random.Random) -> Iterator[list[Example]]:
    """Batches of examples of like length, in random order."""

    def length(example: Example) -> int:
        return len(example.words) + len(example.before[-24:]) + 4

    batches: list[list[Example]] = [[]]
    for example in sorted(examples, key=lambda e: length(e) + 6 * chance.random()):
        longest = max([length(e) for e in batches[-1]] + [length(example)])
        if batches[-1] and longest * (len(batches[-1]) + 1) > TOKENS_A_BATCH:
            batches.append([])
        batches[-1].append(example)
    chance.shuffle(batches)
    yield from batches


def _loss(network: nn.Module, batch: list[Example], of_side: dict[Role, Tensor]) -> Tensor:
    """Of every word, and of every turn by its likeliest word."""
    read = [read_tokens(example.words, example.before, example.role) for example in batch]
    tokens = max(len(r.ids) for r in read)
    words = max(len(example.words) for example in batch)
    ids, segments = (torch.zeros(len(batch), tokens, dtype=torch.long) for _ in range(2))
    mask, by_word = torch.zeros(len(batch), tokens), torch.zeros(len(batch), words, tokens)
    there = torch.zeros(len(batch), words, 1)
    labels = torch.zeros(len(batch), words, batch[0].labels.shape[1])
    for row, (one, example) in enumerate(zip(read, batch, strict=True)):
        ids[row, : len(one.ids)] = torch.from_numpy(one.ids)
        segments[row, : len(one.ids)] = torch.from_numpy(one.segments)
        mask[row, : len(one.ids)] = 1
        inside = np.flatnonzero(one.word_of >= 0)
        by_word[row, one.word_of[inside], inside] = 1
        there[row, : len(example.words)] = 1
        labels[row, : len(example.words)] = torch.from_numpy(example.labels)
    by_word /= by_word.sum(2, keepdim=True).clamp(min=1)
    found = network(ids, segments, mask, by_word)
    asked = torch.stack([of_side[example.role] for example in batch])[:, None, :]
    of_words = F.binary_cross_entropy_with_logits(found, labels, reduction="none")
    of_words = (of_words * asked * there).sum() / there.sum()
    best = found.masked_fill(there == 0, -30.0).amax(1)
    of_turns = F.binary_cross_entropy_with_logits(best, labels.amax(1), reduction="none")
    return of_words + 0.5 * (of_turns * asked[:, 0]).sum() / len(batch)


def _parameters(network: _Network) -> dict[str, np.ndarray]:
    parts: dict[str, Any] = {"weight": network.top.weight.T, "bias": network.top.bias}
    for name, adapted in network.adapted.items():
        layer, _, linear = name.partition("_")
        parts[f"adapter.{layer}.{linear}.down"] = adapted.down
        parts[f"adapter.{layer}.{linear}.up"] = adapted.up
    return {name: value.detach().numpy().astype(np.float16) for name, value in parts.items()}
