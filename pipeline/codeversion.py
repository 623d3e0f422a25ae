"""Which code made a figure."""

import hashlib
from functools import cache
from pathlib import Path

from pipeline import __version__

PACKAGE = Path(__file__).parent


@cache
def code_version() -> str:
    """The version with a hash of the package's own sources, such as ``0.1.0+3f2a91bc``.

    The version alone would let a changed checkout pass for the one that made a stored result.
    """
    digest = hashlib.sha256()
    sources = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.yaml")]
    for source in sorted(sources):
        digest.update(source.relative_to(PACKAGE).as_posix().encode())
        digest.update(source.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:8]}"
