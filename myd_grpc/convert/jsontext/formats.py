"""Formats that content has where it is not JSON in UTF-8: people send files of every kind.

All of this looks at the first bytes of something that has failed already. What is named here, no
JSON text in UTF-8 can begin with.
"""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass

_MARK = b"(?:%b)" % codecs.BOM_UTF8
# More than one mark, or a record separator (RFC 7464), is a flaw, but no sign of a wrong key.
_BEFORE_TEXT = re.compile(_MARK + rb"*[ \t\r\n\x1e]*")
_VALUE_STARTS = frozenset(b'[{"-0123456789tfn')
_TEXT_STARTS = frozenset(map(chr, _VALUE_STARTS))
_DAMAGE = re.compile("[\ufffd\x00-\x08\x0b\x0c\x0e-\x1d\x1f]")
"""What text hardly has; of record separators (RFC 7464), LINES may have as many as they like."""
_REPLACEMENT = "\ufffd".encode()
_FIRST = 64
"""Bytes that are enough to see that it is JSON that begins."""

_MANY = 32
"""Characters in a row that other bytes hardly ever are by chance."""


@dataclass(frozen=True, slots=True)
class FileFormat:
    """What something is, and what to do about it."""

    what: str
    advice: str
    is_encrypted: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.advice}"


def _compressed(program: str) -> FileFormat:
    return FileFormat(f"compressed with {program}", "expand it first")


def _archive(kind: str) -> FileFormat:
    return FileFormat(f"{kind} archive", "take the JSON file out of it first")


def _other(what: str) -> FileFormat:
    return FileFormat(what, "send the JSON file itself")


_ZIP = re.compile(rb"PK(?:\x03\x04|\x05\x06)")
_OFFICE_PARTS = (b"[Content_Types].xml", b"docProps/", b"xl/")
_OFFICE = FileFormat("an Office file, such as an Excel workbook", "save what is in it as JSON")

_BEGINNINGS = [
    (re.compile(beginning), file_format)
    for beginning, file_format in (
        (rb"\x1f\x8b\x08[\x00-\x1f]", _compressed("gzip")),
        (rb"\x28\xb5\x2f\xfd", _compressed("zstd")),
        (rb"\xfd7zXZ\x00", _compressed("xz")),
        (rb"BZh[1-9]1AY&SY", _compressed("bzip2")),
        (rb"\x04\x22\x4d\x18", _compressed("lz4")),
        (rb"\x5d\x00\x00[\x00-\xff]{2}(?:\xff{8}|[\x00-\xff]{5}\x00{3})", _compressed("lzma")),
        (rb"\x1f\x9d[\x89-\x90]", _compressed("compress")),
        (rb"7z\xbc\xaf\x27\x1c", _archive("a 7z")),
        (rb"Rar!\x1a\x07", _archive("a rar")),
        (rb"ALZ\x01", _archive("an alz")),
        (rb"EGGA\x00\x01", _archive("an egg")),
        (rb"MSCF\x00{4}", _archive("a cab")),
        (rb"(?s).{257}ustar", _archive("a tar")),
        (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
        (rb"%PDF-", _other("a PDF file")),
        (rb"SQLite format 3\x00", _other("an SQLite database")),
        (rb"PAR1", _other("a Parquet file")),
        (
            rb"Salted__",
            FileFormat(
                "encrypted with a password, by OpenSSL (it begins with Salted__)",
                "encrypt it with a key and an iv (openssl enc -aes-256-cbc -K ... -iv ...)",
                is_encrypted=True,
            ),
        ),
        (
            rb"-----BEGIN PGP MESSAGE",
            FileFormat("encrypted with PGP", "decrypt it first", is_encrypted=True),
        ),
        (
            rb"-----BEGIN ",
            FileFormat(
                "in PEM", "leave out the lines with dashes around its text", is_encrypted=True
            ),
        ),
    )
]
_HTML = re.compile(rb"(?i)" + _MARK + rb"?\s*<(?:!doctype\s+html|html|head|body)\b")
_PLAIN = re.compile(_MARK + rb"?\s*[\[{]\s*[\[{\"]")
_MARKUP = re.compile(_MARK + rb"?\s*<[?!a-zA-Z]")
_PAGE = FileFormat("an HTML page", "it may tell why a download failed; fetch the JSON file again")

_WIDE = (
    ("UTF-32 (little-endian)", "utf-32-le", codecs.BOM_UTF32_LE),
    ("UTF-32 (big-endian)", "utf-32-be", codecs.BOM_UTF32_BE),
    ("UTF-16 (little-endian)", "utf-16-le", codecs.BOM_UTF16_LE),
    ("UTF-16 (big-endian)", "utf-16-be", codecs.BOM_UTF16_BE),
)

CP949_HINT = "the text looks like CP949 (EUC-KR): send encoding=cp949, or save it as UTF-8"
"""What to say of text of which `looks_like_cp949` is true."""


def recognise(head: bytes) -> FileFormat | None:
    """What begins with `head`, if it is something that is known and not JSON in UTF-8."""
    if _ZIP.match(head):
        return _OFFICE if any(part in head for part in _OFFICE_PARTS) else _archive("a zip")
    for beginning, file_format in _BEGINNINGS:
        if beginning.match(head):
            return file_format
    if _MARKUP.match(head) and (reads_as_text(head) or looks_like_cp949(head)):
        return _PAGE if _HTML.match(head) else _other("XML")
    for name, codec, bom in _WIDE:
        if _is_text(head, codec, bom):
            return FileFormat(f"text in {name}", "save it as UTF-8")
    return _compressed("zlib") if _is_zlib(head) else None


def _is_text(head: bytes, codec: str, bom: bytes) -> bool:
    """Whether it is text in that encoding: JSON, or much of it after a byte order mark."""
    marked = head.startswith(bom)
    try:
        text = codecs.getincrementaldecoder(codec)().decode(head.removeprefix(bom))
    except UnicodeDecodeError:
        return False
    if len(text) < 2 or _DAMAGE.search(text):
        return False
    is_json = text.lstrip(" \t\r\n")[:1] in _TEXT_STARTS
    if marked:
        return is_json or len(text) >= _MANY
    return is_json and 4 * sum(map(str.isascii, text)) >= len(text)


def _is_zlib(head: bytes) -> bool:
    try:
        return begins_json(zlib.decompressobj().decompress(head, _FIRST))
    except zlib.error:
        return False


def looks_like_cp949(text: bytes) -> bool:
    """Whether text is readable Korean in CP949, of which EUC-KR is a part, and not in UTF-8.

    It may end within a character, but not begin within one.
    """
    try:
        readable = codecs.getincrementaldecoder("cp949")().decode(text)
    except UnicodeDecodeError:
        return False
    wide = [character for character in readable if not character.isascii()]
    common = sum(_is_common_syllable(character) for character in wide)
    return bool(wide) and 2 * common >= len(wide) and not _DAMAGE.search(readable)


def _is_common_syllable(character: str) -> bool:
    """Whether it is one of the 2,350 of KS X 1001: what is left of damaged UTF-8 hardly ever is."""
    if not "가" <= character <= "힣":
        return False
    lead, trail = character.encode("cp949")
    return 0xB0 <= lead <= 0xC8 and trail >= 0xA1


def may_begin_json(head: bytes) -> bool:
    """Whether these may be the first bytes of a JSON text, be it a flawed one.

    One block of a wrong key's plaintext passes once in 10^4 times: half of random bytes are no
    UTF-8, while a flaw in a real document is a byte or two.
    """
    text = head[_BEFORE_TEXT.match(head).end() :]  # type: ignore[union-attr]
    return damage(head) < 3 and (not text or text[0] in _VALUE_STARTS)


def begins_json(head: bytes) -> bool:
    """Whether an object or a list begins here, in UTF-8 or in CP949."""
    if head.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")[:1] not in (b"[", b"{"):
        return False
    return may_begin_json(head[:_FIRST]) or looks_like_cp949(head)


def looks_encrypted(head: bytes) -> bool:
    """Whether a file of something that no JSON begins with is more likely to be ciphertext."""
    # NUL bytes behind a text do not spoil it, and nor does another encoding of its strings.
    bare = head.rstrip(b"\0")
    return damage(bare) > len(bare) / 8 and not _PLAIN.match(head) and not looks_like_cp949(bare)


def reads_as_text(part: bytes) -> bool:
    """Whether this may be a part of a text in UTF-8, cut anywhere."""
    return damage(part) < 3 + len(part) // 64


def damage(data: bytes) -> int:
    """How many control characters and malformed UTF-8 sequences are in `data`."""
    # A U+FFFD that was there before is text: somebody else's decoder left it.
    return len(_DAMAGE.findall(data.decode(errors="replace"))) - data.count(_REPLACEMENT)
