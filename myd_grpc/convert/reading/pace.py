"""How much is read at a time where records are broken so that reading has to begin again."""

from __future__ import annotations

from myd_grpc.convert.engines.engine import BATCH_BYTES

_FEW_RECORDS = 8
_MOST_CALM = 64 * BATCH_BYTES


class Pace:
    """What is read anew after a broken record stays in proportion to what comes between them.

    Records come few at a time at first, and more and more as long as they are sound. An engine
    reads ahead again only after so much sound text: what it has read ahead is lost at the next.
    """

    def __init__(self, batch_records: int) -> None:
        self._most = self._records = batch_records
        self._wanted = BATCH_BYTES // 2
        self._calm = self._wanted
        self.has_broken = False
        self._is_slow = False

    @property
    def records(self) -> int:
        """How many records the next batch has at most."""
        return self._records

    @property
    def may_read_ahead(self) -> bool:
        """Whether it is worth while to read ahead."""
        return self._calm >= self._wanted and not self._is_slow

    def broke(self) -> None:
        """Takes it that reading has to begin again at a broken record."""
        self.has_broken = True
        self._records, self._calm = min(self._most, _FEW_RECORDS), 0
        self._wanted = min(2 * self._wanted, _MOST_CALM)

    def went_on(self, size: int) -> None:
        """Takes it that a batch was sound, with so many bytes."""
        self._records = min(self._most, 2 * self._records)
        self._calm += size

    def left_out(self) -> None:
        """Takes it that lines were left out of a batch, at which an engine would have stopped."""
        self._records = min(self._most, 2 * self._records)
        self._calm = 0

    def read_no_more_ahead(self) -> None:
        """Takes it that it is never worth while any more."""
        self._is_slow = True
