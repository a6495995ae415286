"""Which record is one too many to be left out, where several workers do a job (docs/spec.md 11.8).

Each share is begun as if no record of the files before it were left out, as nobody knows yet how
many are. One that leaves out, or fails at, what it would not if it knew, is done again by one
worker, once all before it are made: that one meets what one worker for all files would have met.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from myd_grpc.jobs.run.shares import Share


class TooManyRejectsError(Exception):
    """With a share more records are left out than may be; which are too many, it does not know."""


def first_beyond(shares: Sequence[Share], most: int) -> int | None:
    """The number of the first share with which more than `most` records are left out.

    None where there is none as far as is known by now: what was reported only ever becomes more.
    """
    sums = accumulate(share.progress.rejects for share in shares)
    return next((number for number, rejects in enumerate(sums) if rejects > most), None)


def to_do_again(shares: Sequence[Share], number: int) -> Share | None:
    """A share that fails, as it is to be done again, from the start; all before it are made.

    None where it knew how many records were left out before it: so the job fails as that share did.
    """
    share = shares[number]
    before = sum(one.progress.rejects for one in shares[:number])
    if share.rejects_before == before:
        return None
    return Share(share.first, share.end, rejects_before=before)
