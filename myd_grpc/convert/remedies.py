"""What to do about an output that is refused: the end of the message of a job that failed so."""

from __future__ import annotations

import errno

from myd_grpc.convert.errors import ConversionError, Reason, ShortageError, is_full, refused, why

OUTPUT_DIRECTORY = "the output directory"
WORK_DIRECTORY = "the work directory"

CHOOSE_ANOTHER = "choose another name, or have it replaced (overwrite)"
"""What to do about a set that is there."""

AGAIN = "and send the request again"

_VARIABLES = {OUTPUT_DIRECTORY: "MYD_OUTPUT_DIR", WORK_DIRECTORY: "MYD_WORK_DIR"}
_OF_FULL = {
    errno.EDQUOT: "raise the quota of the server's user in {place}",
    errno.EFBIG: "let the server's processes write larger files, or lower MYD_MAX_CSV_ROW",
}
_OF_ANY_FULL = "free some in {place}, or set {variable} to where there is more"
_OF_REFUSED = {
    errno.EACCES: "let the server's user write there",
    errno.EPERM: "let the server's user write there",
    errno.EROFS: "have the file system there mounted to be written",
    errno.EKEYREJECTED: "give the server credentials that may read and write there",
    errno.ENOMEDIUM: "make it, or set MYD_OUTPUT_DIR to one that is there",
}
_OF_ANY_REFUSED = "see that the server can read and write there"


class NoRoomError(ConversionError):
    """There is no room for `what`, in a place, of which an error may say more."""

    def __init__(
        self, what: str, error: OSError | None = None, place: str = OUTPUT_DIRECTORY
    ) -> None:
        number = (error and error.errno) or errno.ENOSPC
        advice = _OF_FULL.get(number, _OF_ANY_FULL)
        advice = advice.format(place=place, variable=_VARIABLES[place])
        super().__init__(Reason.DISK_FULL, f"{what}; {advice}, {AGAIN}")
        self._what = what
        self._error = error

    def in_place(self, place: str) -> NoRoomError:
        """The same of another place, which is named."""
        return NoRoomError(f"{self._what} in {place}", self._error, place)


def unavailable(what: str, advice: str) -> ConversionError:
    """What to raise where the output is not to be had as it is."""
    return ConversionError(Reason.OUTPUT_UNAVAILABLE, f"{what}; {advice}, {AGAIN}")


def output_refused(what: str, error: OSError, place: str = OUTPUT_DIRECTORY) -> ConversionError:
    """What to raise when the system refuses the output; `what` says in words what it was.

    What the machine lacks for a moment takes no advice: the job tries again by itself.
    """
    if is_full(error):
        return NoRoomError(f"{what}: {why(error)}", error, place)
    failure = refused(Reason.OUTPUT_UNAVAILABLE, what, error)
    if isinstance(failure, ShortageError):
        return failure
    return unavailable(failure.message, _OF_REFUSED.get(error.errno or 0, _OF_ANY_REFUSED))
