"""Which code made a figure."""

import hashlib
from functools import cache
from pathlib import Path

from pipeline import __version__

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parent
LISTENING_CUES = ("words.yaml", "roles.yaml", "hold.yaml")


@cache
def code_version() -> str:
    """The version with a hash of the sources that listening rests on, such as ``0.1.0+3f2a91bc``.

    The version alone would let a changed checkout pass for the one that made a stored result. Roles
    and holds are heard with the help of two cue files; the other cues only judge.
    """
    digest = hashlib.sha256()
    cues = [path for name in LISTENING_CUES for path in (ROOT / "rubrics" / "cues").rglob(name)]
    for source in sorted([*PACKAGE.rglob("*.py"), *cues]):
        digest.update(source.relative_to(ROOT).as_posix().encode())
        digest.update(source.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:8]}"
