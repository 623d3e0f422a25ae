"""Learns the tagger of dialogue moves from the labelled dialogues: ``make train``.

Seeded; about half an hour on two cores. First some writers' dialogues are held back: what a tagger
that never saw them makes of them says how sure the tagger, the patterns and the answers are
(``moves.json``). Then the tagger that ships is trained on all (``moves.npz``).
"""

import argparse
import json
import math
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.certainty import READINGS
from pipeline.cues import (
    LEARNT_FILE,
    SURELY_NOT,
    CueSet,
    Learnt,
    Weighing,
    cues_folder,
    load_cues,
)
from pipeline.dialogues import Dialogue, read_dialogues
from pipeline.flags import FROM_WORDS
from pipeline.minilm import ADAPTER_SCALE, EPSILON, HEADS, LAYERS, LINEAR, SIZE, load_weights
from pipeline.records import PARTIES, AnswerValue, Move, Role
from pipeline.rubric import load_rubric
from pipeline.score import score
from pipeline.tagger import (
    CONTEXT_WORDS,
    FILE_NAME,
    WINDOW_WORDS,
    Tagger,
    load_tagger,
    read_tokens,
    read_words,
)

LANGUAGE = "en"
# From which probability on the tagger's word alone counts. One false alarm among a call's turns
# changes an answer where one is enough, and flags a call for review; a missed "next step" is often
# made up for by the next. Chosen on dialogues held back and on transcripts that nothing ships from.
COUNTS_FROM, COUNTS_FROM_ONE_IS_ENOUGH, COUNTS_FROM_FLAG = 0.5, 0.7, 0.8
ONE_IS_ENOUGH = frozenset((
    "complaint", "distress", "third_party_harm", "not_heard", "doubting", "belittling",
    "blame_customer", "blame_other", "calm_down", "agent_insult", "excuse", "refusal", "hedged",
    "just_wait", "wants_no_contact", "outbound_opening",
))  # fmt: skip
# A pattern does not count where the tagger all but rules it out, if it has seen enough of the move;
# what calls for empathy and an apology needs a word from both.
RULES_OUT_BELOW, RULES_OUT_CALLS_FOR_BELOW, SEEN_ENOUGH = 0.05, 0.2, 30
CALLS_FOR = frozenset(("complaint", "distress"))
# Writers whose dialogues set the certainties.
HELD_BACK = frozenset({"w4", "w18", "w21", "w23"})
# A move with fewer examples is left to its patterns.
FEWEST = 12
RANK = 8
EPOCHS = 8
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
        counted.update((move.id, dialogue.turns[move.turn].role) for move in dialogue.moves())
    return {move: role for (move, role), count in sorted(counted.items()) if count >= FEWEST}


def examples_of(dialogues: Iterable[Dialogue], moves: Sequence[str]) -> Iterator[Example]:
    """The turns of dialogues, windowed as the tagger reads them."""
    column = {move: index for index, move in enumerate(moves)}
    for dialogue in dialogues:
        before: tuple[str, ...] = ()
        labelled = [move for move in dialogue.moves() if move.id in column]
        for number, turn in enumerate(dialogue.turns):
            said = read_words(turn.text)
            labels = np.zeros((len(said.words), len(moves)), np.float32)
            for move in labelled:
                for index, (start, end) in enumerate(said.spans):
                    if move.turn == number and start >= move.start and end <= move.end:
                        labels[index, column[move.id]] = 1
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
    # Roughening changes lengths, and so the number of batches a little: some steps to spare.
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


def weigh(dialogues: Sequence[Dialogue], read: Mapping[str, Sequence[Move]]) -> dict[str, Weighing]:
    """How sure tagger and patterns are of each cue, in dialogues that the tagger never saw."""
    cues = _patterns_only()
    rows: dict[str, list[tuple[float, bool, bool]]] = {}
    tagged = {move.id for moves in read.values() for move in moves}
    for dialogue in dialogues:
        by_pattern = {(cue.turn, cue.id) for cue in cues.likely(dialogue.turns)}
        true = {(move.turn, move.id) for move in dialogue.moves()}
        likely = {(move.turn, move.id): move.probability for move in read[dialogue.id]}
        for number, turn in enumerate(dialogue.turns):
            for name in (d.entry.id for d in cues.definitions if d.entry.by == turn.role):
                if name in tagged:
                    at = number, name
                    row = likely.get(at, 0.0), at in by_pattern, at in true
                    rows.setdefault(name, []).append(row)
    return {
        name: _weighing(name, np.array(table, float))
        for name, table in sorted(rows.items())
        if sum(is_true for *_, is_true in table) >= 3
    }


def _weighing(name: str, table: np.ndarray) -> Weighing:
    from sklearn.linear_model import LogisticRegression

    likely = table[:, 0].clip(SURELY_NOT, 1 - SURELY_NOT)
    given = np.column_stack([np.log(likely / (1 - likely)), table[:, 1]])
    fitted = LogisticRegression().fit(given, table[:, 2])
    tagger, pattern = fitted.coef_[0]
    return Weighing(
        bias=round(float(fitted.intercept_[0]), 3),
        tagger=round(float(tagger), 3),
        pattern=round(float(pattern), 3),
        counts_from=_counts_from(name),
        rules_out_below=_rules_out_below(name) if table[:, 2].sum() >= SEEN_ENOUGH else 0.0,
    )


def _rules_out_below(name: str) -> float:
    return RULES_OUT_CALLS_FOR_BELOW if name in CALLS_FOR else RULES_OUT_BELOW


def _counts_from(name: str) -> float:
    if any(name in cues for cues in FROM_WORDS.values()):
        return COUNTS_FROM_FLAG
    return COUNTS_FROM_ONE_IS_ENOUGH if name in ONE_IS_ENOUGH else COUNTS_FROM


def certainty(
    dialogues: Iterable[Dialogue], read: Mapping[str, Sequence[Move]], learnt: Learnt
) -> tuple[list[tuple[float, float]], list[tuple[str, AnswerValue, AnswerValue]]]:
    """How often answers with which share of readings were right; and (criterion, true, given)."""
    from sklearn.isotonic import IsotonicRegression

    rubric = load_rubric()
    cues = replace(_patterns_only(), learnt=learnt)  # no certainty yet: confidence is the share
    rubric = replace(rubric, cues={cues.language: cues})
    shares, right, answers = [], [], []
    for dialogue in dialogues:
        facts = replace(dialogue.facts(), moves=tuple(read[dialogue.id]))
        for result in score(facts, rubric).criteria:
            if result.id in dialogue.answers:
                true = dialogue.answers[result.id]
                shares.append(result.confidence)
                right.append(result.answer == true)
                answers.append((result.id, true, result.answer))
    fitted = IsotonicRegression(y_min=0.05, y_max=0.99, out_of_bounds="clip").fit(shares, right)
    grid = np.linspace(0.0, 1.0, READINGS + 1)
    table = [
        (round(float(share), 3), round(float(was), 3))
        for share, was in zip(grid, fitted.predict(grid), strict=True)
    ]
    return table, answers


def _patterns_only() -> CueSet:
    cues = load_cues(LANGUAGE)
    assert cues is not None
    return replace(cues, learnt=Learnt())


def _batches(examples: Sequence[Example], chance: random.Random) -> Iterator[list[Example]]:
    """Batches of examples of like length, in random order."""

    def length(example: Example) -> int:
        return len(example.words) + len(example.before[-CONTEXT_WORDS:]) + 4

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
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(ids, segments, mask, by_word)
    found = found.float()
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


def _tagger(parameters: Mapping[str, np.ndarray], sides: Mapping[str, Role], path: Path) -> Tagger:
    """Writes the tagger's file, and loads it as a user would."""
    names = np.array(list(sides)), np.array(list(sides.values()))
    np.savez_compressed(path, moves=names[0], sides=names[1], **dict(parameters))  # type: ignore[arg-type]
    tagger = load_tagger(path.parent)
    assert tagger is not None
    return tagger


def main() -> None:
    """Trains, and writes both files into the cue folder."""
    parser = argparse.ArgumentParser(description="Train the tagger of dialogue moves.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=cues_folder(LANGUAGE), help="cue folder")
    arguments = parser.parse_args()
    dialogues = list(read_dialogues(cues_folder(LANGUAGE) / "dialogues"))
    sides = side_of_moves(dialogues)
    print(f"{len(dialogues)} dialogues, {sum(len(d.turns) for d in dialogues)} turns")

    held_back = [d for d in dialogues if d.source in HELD_BACK]
    rest = [d for d in dialogues if d.source not in HELD_BACK]
    print(f"held back: {len(held_back)} dialogues of {', '.join(sorted(HELD_BACK))}")
    learnt = learn(list(examples_of(rest, list(sides))), list(sides.values()), arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        tagger = _tagger(learnt, sides, Path(folder, FILE_NAME))
    read = {d.id: tagger.find(d.turns) for d in held_back}
    weighing = weigh(held_back, read)
    table, answers = certainty(held_back, read, Learnt(cues=weighing))
    agreeing = sum(true == given for _, true, given in answers) / len(answers)
    print(f"held back: {agreeing:.3f} of {len(answers)} answers agree with the writers'")
    found = Learnt(cues=weighing, certainty=table)
    text = json.dumps(found.model_dump(), indent=1)
    (arguments.out / LEARNT_FILE).write_text(text + "\n", encoding="utf-8")

    print("all dialogues")
    learnt = learn(list(examples_of(dialogues, list(sides))), list(sides.values()), arguments.seed)
    _tagger(learnt, sides, arguments.out / FILE_NAME)


if __name__ == "__main__":
    main()
