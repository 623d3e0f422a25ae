"""Which code made a figure."""

import hashlib
from functools import cache
from pathlib import Path

from pipeline import __version__

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parent
CUE_FILES = (".yaml", ".json", ".npz")


@cache
def code_version() -> str:
    """The version with a hash of all sources and cue files, such as ``0.1.0+3f2a91bc``.

    The version alone would let a changed checkout pass for the one that made a stored result. Which
    source bears on what is heard nobody tracks, so any change listens anew. Cue files count too:
    roles, holds, transfers and overlaps are heard with their help.
    """
    digest = hashlib.sha256()
    cues = [p for p in (ROOT / "rubrics" / "cues").rglob("*") if p.suffix in CUE_FILES]
    for source in sorted([*PACKAGE.rglob("*.py"), *cues]):
        digest.update(source.relative_to(ROOT).as_posix().encode())
        digest.update(source.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:8]}"
