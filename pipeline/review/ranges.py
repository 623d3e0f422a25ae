"""Ranges of bytes of what is in memory: players ask for them to jump."""

import re

from fastapi import Response


def ranged(content: bytes, asked: str | None, media_type: str) -> Response:
    """The content, or the part that a ``Range`` header asks for (RFC 9110, section 14).

    Of what is no single range of bytes the whole is given, as the RFC allows.
    """
    size = len(content)
    headers = {"Accept-Ranges": "bytes"}
    wanted = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", (asked or "").strip())
    if wanted is None or not any(wanted.groups()):
        return Response(content, media_type=media_type, headers=headers)
    if wanted[1]:
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if wanted[2] and int(wanted[2]) < first:
            return Response(content, media_type=media_type, headers=headers)
    else:  # the last so many
        first, last = max(0, size - int(wanted[2])), size - 1
    if first > last:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(content[first : last + 1], 206, headers, media_type)
