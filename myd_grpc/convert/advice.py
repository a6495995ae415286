"""Which layout or option would do, where a file's shape is strange: words for messages.

Nothing here tells content: a key is named only if several records have it, or if it is a section
name. Every other one may be a person, an account or a day.
"""

from __future__ import annotations

from myd_grpc.convert.model import Layout

_DOCUMENT_STARTS = frozenset('{["')


def between_documents(byte: str, layout: Layout, record_path: str) -> str:
    """What helps where `byte` comes after a document; "" if nothing does."""
    if byte == ",":
        return (
            "; documents with commas between them are no JSON: take the commas out, which makes "
            "it the layout LINES, or put brackets around the whole"
        )
    if layout is Layout.LINES or byte not in _DOCUMENT_STARTS:
        return ""
    if record_path:
        return "; another document follows, and record_path is for a file of one"
    return "; another document follows: name the layout LINES, which reads one after another"


def too_large(layout: Layout, record: int) -> str:
    """What helps where a record is longer than it may be."""
    if layout is Layout.SINGLE:
        return (
            "; if it is an envelope, name the records within it by record_path; "
            "if its members are the records, name the layout KEYED"
        )
    if layout is Layout.KEYED and record == 1:
        return "; if it holds the records, name it by record_path"
    return ""
