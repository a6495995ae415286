"""Sample data whose identifiers can be told from everything else, wherever they come out."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from myd_grpc.sample import plaintext

DIGITS, TEXT = "9182736455", "카나리아"
"""What identifiers of the sample begin with here: those that are numbers, and all others."""

ACCOUNTS = (
    "account_num",
    "repay_account_num",
    "scheduled_account_num",
    "charge_account_num",
    "pay_account_num",
)
_NUMBERS = (
    *ACCOUNTS,
    *"card_id card_num insu_num loan_num mgmt_id telecom_num pp_id irp_no prod_num".split(),
    *"approved_num trans_no trans_num order_id product_order_id payId orderNo".split(),
    *"merchantNo org_regno merchant_regno shipmentBoxId orderId".split(),
)
_TEXTS = (
    *"account_id fob_id sub_key pay_id proposal_id _id orderDetailUrl car_number".split(),
    *"insured_name subject account_name merchant_name merchantName mall_name".split(),
    *"trans_memo trans_title product_name productName vendorItemName title product_option".split(),
)
# Text has quotes; what is a number by its name alone may have none, but for quantities.
_NUMBER = re.compile(rf'"({"|".join(_NUMBERS)})":(?:"([^"]*)"|(?<="orderId":)([0-9]+))')
_TEXT = re.compile(rf'"({"|".join(_TEXTS)})":"([^"]*)"')
_USER = re.compile(r"user-(\d+)")
_NAME = re.compile(r'("user_id":"[^"]*","name":")[^"]*')
_BODY = re.compile(r'"collected_at"')

_MORE = (
    f'"ci":"{TEXT}ci==","phoneNumber":"{DIGITS}1","E-Mail":"{TEXT}@example.com",'
    f'"resident_no":"{DIGITS}-2","계좌번호":"{DIGITS}-00-3","shippingAddress":'
    f'{{"tel1":"{DIGITS}4","baseAddress":"{TEXT}로 1","lines":[{{"line":"{TEXT}동"}},"{TEXT}호"]}},'
)
_FEW = 40
"""So many accounts there are, so that each is in several tables."""


def sample(size_bytes: int, seed: int = 7) -> bytes:
    """The sample as a document whose identifiers all begin as told, and lead to the same ones."""
    text = b"".join(plaintext(size_bytes, seed)).decode()
    text = _NUMBER.sub(_number, text)
    text = _TEXT.sub(lambda match: f'"{match[1]}":"{TEXT}-{match[2]}"', text)
    text = _NAME.sub(rf"\g<1>{TEXT}", text)
    text = _BODY.sub(lambda match: _MORE + match[0], text)
    return _USER.sub(rf"{TEXT}-\1", text).encode()


def _number(match: re.Match[str]) -> str:
    name, value = match[1], match[2] or match[3]
    if name in ACCOUNTS:
        value = f"{int(value) % _FEW:03d}"
    if match[3]:
        return f'"{name}":{DIGITS}{value[-6:]}'
    return f'"{name}":"{DIGITS}{value}"'


def leaks(files: Iterator[tuple[str, bytes]]) -> list[str]:
    """Where canaries are in these bytes, as they are or as text of other forms."""
    return [f"{name}: {found}" for name, data in files for found in _canaries_in(data)]


def _canaries_in(data: bytes) -> list[str]:
    forms = {
        "digits": DIGITS.encode(),
        "text": TEXT.encode(),
        "escaped": TEXT.encode("unicode_escape"),
        "digits in UTF-16": DIGITS.encode("utf-16-le"),
        "text in UTF-16": TEXT.encode("utf-16-le"),
        "text in CP949": TEXT.encode("cp949"),
    }
    return [name for name, form in forms.items() if form in data]


def files_below(directory: Path) -> Iterator[tuple[str, bytes]]:
    """All files below a directory, hidden ones too, also unzipped and as their cells.

    What a server removes meanwhile, as it does with failed jobs' sets, is none of them.
    """
    for below, _, names in os.walk(directory):
        for path in sorted(Path(below, name) for name in names):
            if not path.is_file():
                continue
            with suppress(FileNotFoundError):
                data = path.read_bytes()
                yield str(path), path.name.encode() + data
                yield from _within(path, data)


def _within(path: Path, data: bytes) -> Iterator[tuple[str, bytes]]:
    if path.suffix == ".xlsx" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield f"{path}: {name}", archive.read(name)
    if path.suffix == ".parquet":
        import pyarrow.parquet  # noqa: PLC0415 - an extra

        table = pyarrow.parquet.read_table(path)
        yield f"{path}: cells", str(table.to_pydict()).encode()
        yield f"{path}: schema", str(table.schema).encode()
