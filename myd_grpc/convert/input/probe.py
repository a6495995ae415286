"""A look at a file before it is read, and once more when no JSON was found in it."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from myd_grpc.convert.errors import ConversionError, FlawError, Reason
from myd_grpc.convert.input.chain import text_head
from myd_grpc.convert.input.cipher import (
    BLOCK,
    DamagedTextError,
    RawText,
    damage_in,
    has_iv_before,
    recognise_encoding,
)
from myd_grpc.convert.input.compression import Compression, likely_compression_of
from myd_grpc.convert.input.damage import FETCH_AGAIN
from myd_grpc.convert.input.expansion import fault_at_start
from myd_grpc.convert.input.input_file import HEAD
from myd_grpc.convert.input.source import Source, wrong_key
from myd_grpc.convert.input.wrong_key import (
    NO_IV,
    CiphertextEnds,
    TrialDecryption,
    TrialWithoutIv,
)
from myd_grpc.convert.jsontext.formats import (
    CP949_HINT,
    FileFormat,
    begins_json,
    damage,
    looks_encrypted,
    looks_like_cp949,
    may_begin_json,
    recognise,
)
from myd_grpc.convert.jsontext.tokens import NO_VALUE
from myd_grpc.convert.model import CipherKey, Limits, TextForm

_WRONG_IV = f"with a wrong iv the first {BLOCK} bytes decrypt wrongly"
_PLAIN = "it is plain JSON{}: leave the key and iv out"
_LOOKS_ENCRYPTED = "the file looks encrypted: send aes256cbckey and iv"
_LONG_WORD = 64
"""Letters that no word has, but every line of base64."""
_OFFSET = re.compile(r"\bat byte [0-9]")
_FIRST_RECORDS = 3
"""In as many shows a text that begins in the middle, where it is taken for LINES."""
_OF_TEXT = (Reason.INVALID_JSON, Reason.LIMIT_EXCEEDED)
"""Failures whose offsets are those of the text."""
_LENGTH = f"its length is not a multiple of {BLOCK}; "


def probe(source: Source) -> None:
    """Looks at both ends of a file, with three small reads at any size.

    Raises ConversionError: WRONG_KEY where the key, the iv or the file's form cannot be right,
    INVALID_JSON for an empty file, and for one that is something else with this key or without.
    """
    with source.unchanged():
        if not source.size:
            raise _invalid(source, f"is empty: {NO_VALUE}")
        if source.key is not None:
            _try(source, source.key)
        if source.chain or source.key is None:
            _require_text(source)


def check_own_iv(source: Source, record: int, offset: int, *, in_lines: bool) -> None:
    """Raises WRONG_KEY where a broken record may be what a missing iv makes of a file.

    Where none was sent, the first 16 bytes are taken for it. If they are not, a text begins in the
    middle: what is broken is its first record, or else is in its first line.
    """
    if source.key is None or source.key.iv:
        return
    trial = _trial(source, source.key)
    if likely_compression_of(trial.plain):
        return
    text = trial.text or b""
    start = len(text) - len(text.lstrip())
    first_line = text.find(b"\n", start) if in_lines else 0
    if record == 1 or first_line < 0 or offset < first_line:
        raise wrong_key(source.name, f"its first record is broken, and {NO_IV}")


def _require_text(source: Source) -> None:
    """Raises INVALID_JSON where the text is plainly something else than JSON."""
    text = source.beginning()
    if not may_begin_json(text[:BLOCK]) and (file_format := _recognise(text)):
        raise _invalid(source, f"{_what_is_read(source)} {file_format}")


def _what_is_read(source: Source) -> str:
    """What the text of a file is called."""
    chain = source.chain
    if chain and chain.plain:
        return f"what the {chain.plain} data expands to is"
    return "the file is" if source.key is None else "what was encrypted is"


def check_size(name: str, total: int, limits: Limits) -> None:
    """Raises ConversionError where the files up to this one have more bytes than they may."""
    most = limits.max_input_bytes
    if total > most:
        what = (
            f"with this file, the input has more than {most} bytes (MYD_MAX_INPUT_BYTES): "
            "send fewer files at once"
        )
        raise ConversionError(Reason.LIMIT_EXCEEDED, f"{name}: {what}")


@contextmanager
def hinting(source: Source) -> Iterator[None]:
    """Says what helps where malformed JSON is met within, which may be something else altogether.

    Where offsets do not count bytes as they lie or were encrypted, it says what they do.
    """
    try:
        yield
    except ConversionError as error:
        if error.reason not in _OF_TEXT:
            raise
        said = error.message
        hint = _hint(source) if error.reason is Reason.INVALID_JSON else ""
        if isinstance(error, FlawError):
            hint = hint or _what_helps(source, error)
            if _may_lack_iv(source, error):
                said = f"{error.name}: {NO_IV}; or else {error.what}"
        counted = _counted(source) if _OFFSET.search(said) else ""
        message = "; ".join(filter(None, [said, hint, counted]))
        raise ConversionError(error.reason, message) from None


def _may_lack_iv(source: Source, flaw: FlawError) -> bool:
    """Whether a flaw may come of an iv that was not sent: the text then begins in the middle.

    What begins so is one record that is broken, or in which other values than records are found.
    """
    key = source.key
    return key is not None and not (key.iv or source.chain) and flaw.record <= _FIRST_RECORDS


def _what_helps(source: Source, flaw: FlawError) -> str:
    """What to do about a flaw of which nothing is known but its place."""
    if flaw.is_explained:
        return ""
    chain = source.chain
    if chain and (chain.plain or chain.around.file or chain.around.encoded):
        return f"a compressed file that was damaged on its way may look like this: {FETCH_AGAIN}"
    if source.key and flaw.offset is not None and flaw.offset < BLOCK:
        return f"{_WRONG_IV}: check the iv, or {FETCH_AGAIN}"
    if source.key:
        return f"an encrypted file that was damaged on its way looks like this: {FETCH_AGAIN}"
    if flaw.offset == _first_sign(source):
        return "no JSON begins so: send the JSON file itself"
    return "correct it there, or fetch the file again"


def _first_sign(source: Source) -> int:
    """Where the first byte of plain text is that is neither of a mark nor white space."""
    text = source.head.removeprefix(BOM_UTF8)
    return len(source.head) - len(text.lstrip(b" \t\r\n"))


def _counted(source: Source) -> str:
    """What the offsets of a text count, where that is another than its file or ciphertext."""
    chain = source.chain
    if chain is None or not (chain.plain or chain.charset):
        return ""
    what = "the expanded text" if chain.plain else "the text"
    return f"bytes are counted in {what}{' as UTF-8' if chain.charset else ''}"


def _try(source: Source, key: CipherKey) -> None:
    """Raises what is wrong with a key, if anything is."""
    around = source.chain and source.chain.around
    if around and around.failure:
        source.beginning()  # which raises that
    head = _written(source)
    is_raw = isinstance(recognise_encoding(head), RawText)
    is_cut = is_raw and not (around and around.is_there) and source.size % BLOCK != 0
    if (file_format := _recognise(head)) and file_format.is_encrypted:
        raise wrong_key(source.name, f"it is {file_format}")  # a salt looks like a half of an iv
    try:
        trial = _trial(source, key)
    except DamagedTextError as damage:
        raise _no_ciphertext(source, source.told(damage)) from None
    if trial.begins and trial.is_padded and not (is_cut or trial.another_iv):
        return
    if content := _content(trial):
        raise _invalid(source, f"this key and iv decrypt it, but what was encrypted is {content}")
    if trial.is_text:
        cut = f"{_LENGTH}it is cut off, or something was added to it: {FETCH_AGAIN}"
        raise wrong_key(source.name, cut if is_cut else trial.fault())
    none = f"{_LENGTH}it is no AES-CBC ciphertext, or not all of it: {FETCH_AGAIN}"
    is_marked = head.startswith(BOM_UTF8)
    raise _no_ciphertext(source, none if is_cut and not is_marked else trial.fault())


def _written(source: Source) -> bytes:
    """The first bytes of a file as its ciphertext is written, expanded if that was compressed."""
    chain = source.chain
    return chain.around.text if chain else source.head


def _trial(source: Source, key: CipherKey) -> TrialDecryption:
    """What a key makes of both ends of a file; raises DamagedTextError."""
    ends = _ends(source)
    if key.iv:
        return TrialDecryption(ends, key, source.form)
    return _trial_with_own_iv(ends, key, source.form)


def _ends(source: Source) -> CiphertextEnds:
    """Both ends of a file's ciphertext; of one that was compressed, none but the first is known."""
    chain = source.chain
    if chain and chain.around.is_there:
        start = chain.around.ciphertext
        is_whole = len(start) < HEAD and chain.around.failure is None
        return CiphertextEnds(start, is_whole, [start] if is_whole else [])
    encoding = source.encoding()
    start = encoding.decode(source.head[encoding.lead :])
    is_whole = source.size <= HEAD
    if is_whole:
        start += encoding.finish()
    end = max(encoding.lead, source.size - HEAD)
    return CiphertextEnds(start, is_whole, encoding.tails(source.at(end, HEAD), end))


def _trial_with_own_iv(ends: CiphertextEnds, key: CipherKey, form: TextForm) -> TrialDecryption:
    """What a key makes of a ciphertext that begins with the iv."""
    iv, start = ends.start[:BLOCK].ljust(BLOCK, b"\0"), ends.start[BLOCK:]
    tails = [tail[BLOCK:] for tail in ends.tails] if ends.is_whole else ends.tails
    ends = CiphertextEnds(start, ends.is_whole, tails)
    return TrialWithoutIv(ends, CipherKey(key.key, iv), form)


def _no_ciphertext(source: Source, fault: str) -> ConversionError:
    """The failure of a file that a key does not decrypt: it may be one that needs none."""
    head = _written(source)
    is_expanded = source.chain and source.chain.around.encoded
    for start in (head, b"" if is_expanded else _decoded(head)):
        if kind := likely_compression_of(start):
            return source.unreadable(fault_at_start(kind, start))
    compression = source.chain and source.chain.around.file
    if what := _another_form(head, source.form, compression or None):
        return wrong_key(source.name, what)
    file_format = None if is_expanded else _recognise(head)
    if file_format is None:
        return wrong_key(source.name, str(damage_in(head) or fault))
    if file_format.is_encrypted:
        return wrong_key(source.name, f"it is {file_format}")
    return _invalid(source, f"the file is {file_format}")


def _another_form(head: bytes, form: TextForm, compression: Compression | None) -> str | None:
    """What begins with `head`, if that is plain JSON, or ciphertext with something around it."""
    if begins_json(text_head(head, form) or b""):
        # One flaw may come of where the head ends.
        is_cp949 = damage(head) > 1 and looks_like_cp949(head)
        compressed = f" compressed with {compression}" if compression else ""
        return _PLAIN.format(compressed) + (f"; {CP949_HINT}" if is_cp949 else "")
    decoded = _decoded(head)
    if begins_json(decoded):
        return _PLAIN.format(" in base64 or hex")
    if _is_encoded(decoded):
        return "its base64 or hex text stands for base64 or hex text: decode it once"
    if has_iv_before(head):
        return (
            "the iv is written before the ciphertext: take it off the file, and send it as the iv"
        )
    if head.lstrip()[:1] == b'"' and _decoded(head.strip(b'" \t\r\n')):
        return "its base64 or hex text is in quotation marks: leave them out"
    return None


def _content(trial: TrialDecryption) -> FileFormat | None:
    """What was encrypted, if that is known and no JSON in UTF-8."""
    if file_format := _recognise(trial.text or b""):
        return file_format
    if not _is_encoded(trial.plain):
        return None
    what = "JSON in base64 or hex" if begins_json(_decoded(trial.plain)) else "base64 or hex text"
    return FileFormat(what, "encrypt the JSON itself")


def _hint(source: Source) -> str:
    """What else a file may be in which malformed JSON was met."""
    if source.chain:
        return _hint_of_text(source, source.beginning())
    if source.key is not None:
        content = _content(_trial(source, source.key))
        if content:
            return f"what was encrypted is {content}"
        return ""
    if begins_json(_decoded(source.head)):
        return "the file is JSON in base64 or hex: decode it first"
    if file_format := _recognise(source.head):
        return f"the file is {file_format}"
    return _LOOKS_ENCRYPTED if _looks_encrypted(source) else ""


def _hint_of_text(source: Source, text: bytes) -> str:
    """The same of a file that was expanded or converted."""
    if file_format := _recognise(text):
        return f"{_what_is_read(source)} {file_format}"
    is_encrypted = _is_encoded(text) or looks_encrypted(text)
    return _LOOKS_ENCRYPTED if is_encrypted and source.key is None else ""


def _looks_encrypted(source: Source) -> bool:
    """Whether a file, read as plain JSON, seems to be ciphertext."""
    head = source.head
    if source.size < BLOCK:
        return False  # there is no ciphertext of less than one
    if _is_encoded(head) or looks_encrypted(head):
        return True
    # A document with a long text in it has many letters of base64 and few others, too.
    words = head.split(maxsplit=1)
    is_one_word = bool(words) and len(words[0]) >= _LONG_WORD and not begins_json(head)
    return is_one_word and bool(damage_in(head))


def _is_encoded(text: bytes) -> bool:
    """Whether it is base64 or hex text, and no word or number of JSON."""
    encoding = recognise_encoding(text)
    if isinstance(encoding, RawText):
        return False
    word = text[encoding.lead :].split(maxsplit=1)[0]
    return len(word) > len("false") and not set(word) <= set(b"0123456789+-.eE")


def _recognise(head: bytes) -> FileFormat | None:
    """What a file is that begins with `head`, or what it is the base64 or hex text of."""
    if file_format := recognise(head):
        return file_format
    encoded = recognise(_decoded(head))
    return encoded and replace(encoded, what=f"base64 or hex text of something {encoded.what}")


def _decoded(head: bytes) -> bytes:
    """What is written as base64 or hex text that begins with `head`; nothing if that is none."""
    encoding = recognise_encoding(head)
    if isinstance(encoding, RawText):
        return b""
    try:
        return encoding.decode(head[encoding.lead :])
    except ValueError:
        return b""


def _invalid(source: Source, what: str) -> ConversionError:
    return ConversionError(Reason.INVALID_JSON, f"{source.name}: {what}")
