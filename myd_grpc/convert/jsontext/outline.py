"""What a text looks like from far, for the Python engine: see `native/core/src/outline.rs`."""

from __future__ import annotations

import re

from myd_grpc.convert.jsontext.boundary import STRING

_STRING_OR_BRACKET = re.compile(STRING + rb'|["{}\[\]]')
_CLOSERS = {ord("{"): ord("}"), ord("["): ord("]")}


def outline(head: bytes) -> bytes:
    """`head` with what is within the values of its first one emptied, as far as brackets match.

    An object among those keeps its keys, with their values emptied: `{"a":{"b":[]},"c":[]}`.
    One that does not end in `head` is left as it is, and so is all that follows the first value.
    """
    pieces = list[bytes]()
    # What closes the containers that are open in the first value.
    closers = list[int]()
    copied, emptied = 0, -1
    for found in _STRING_OR_BRACKET.finditer(head, 1):
        at, byte = found.start(), head[found.start()]
        if byte in _CLOSERS:
            if emptied < 0 and (closers or byte == ord("[")):
                pieces.append(head[copied : at + 1])
                emptied, copied = len(closers), at + 1
            closers.append(_CLOSERS[byte])
        elif byte != ord('"'):
            if not closers or closers.pop() != byte:
                break
            if emptied == len(closers):
                emptied, copied = -1, at
        elif found.end() == at + 1:
            break  # a string that does not end
    pieces.append(head[copied:])
    return b"".join(pieces)
