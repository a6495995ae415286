"""The broken records of one file, which are left out as long as the job has room for them."""

from __future__ import annotations

from myd_grpc.convert.rejects import Flaw
from myd_grpc.convert.set_builder import SetBuilder
from myd_grpc.convert.state import ConversionState


class FileRejects:
    """Lists the records of a file that are left out: see `Rejects`.

    Of all files of the conversion, `most` may be.
    """

    def __init__(self, name: str, most: int, state: ConversionState, builder: SetBuilder) -> None:
        self._name = name
        self._most = most
        self._state = state
        self._builder = builder

    @property
    def has_room(self) -> bool:
        """Whether another record may be left out."""
        return self._state.rejects < self._most

    def add(self, record: int, offset: int, flaw: Flaw) -> None:
        """Takes it that a record is left out; raises ConversionError LIMIT_EXCEEDED."""
        self._builder.leave_out(self._name, record, offset, flaw)
        self._state.add_reject()
