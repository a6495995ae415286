"""The part of the command line that chooses, maps and masks columns."""

from __future__ import annotations

import argparse
import re
from typing import Any

from myd_grpc.options import Masking, MaskMethod, MaskProfile, MaskRule

_MOST_REJECTS = (1 << 32) - 1

_PROFILES = {
    "none": MaskProfile.UNSPECIFIED,
    "mydata-kr": MaskProfile.MYDATA_KR,
}
_RULE = re.compile(
    rf"(?P<columns>.+?)=(?P<method>{'|'.join(MaskMethod)})(?::(?P<domain>.*))?",
    re.DOTALL | re.IGNORECASE,
)
_MASKING_KEY = re.compile("[0-9A-Fa-f]{64}")


def add_column_options(parser: Any) -> None:
    """Options of a conversion."""
    _add_patterns(parser, "--include", "include", "columns that stay, by their paths: bank.**")
    _add_patterns(parser, "--exclude", "exclude", "columns that are left out, by their paths")
    _add_patterns(parser, "--map", "maps", "objects whose keys are data: read as lists of members")
    parser.add_argument(
        "--mask",
        dest="mask_rules",
        action="append",
        type=_rule,
        default=[],
        metavar="P=METHOD[:DOMAIN]",
        help=f"mask columns: {', '.join(MaskMethod).lower()}; may be given again, the last counts",
    )
    parser.add_argument(
        "--mask-profile",
        type=_profile,
        choices=_PROFILES,
        default="none",
        help="mask the columns of a profile, but for what --mask says",
    )
    add_masking_key(parser)
    parser.add_argument(
        "--max-rejects",
        type=_rejects,
        default=0,
        metavar="N",
        help="leave out so many broken records, and list them in rejects.csv (default: 0)",
    )
    parser.add_argument(
        "--preset", default="", metavar="NAME", help="choose and mask as the server has it"
    )


def add_masking_key(parser: Any) -> None:
    """The option that says where the key of pseudonyms is; never the key itself."""
    parser.add_argument(
        "--masking-key-file",
        metavar="F",
        help="file with the key of pseudonyms, 64 hex digits (default: $MYD_MASKING_KEY)",
    )


def masking(arguments: argparse.Namespace) -> Masking:
    """Which columns are masked, and how."""
    return Masking(_PROFILES[arguments.mask_profile], tuple(arguments.mask_rules))


def takes_masking_key(arguments: argparse.Namespace) -> bool:
    """Whether a column may get pseudonyms, by what is asked for or by a preset.

    Who gives a file with the key may be bound to a preset without naming it.
    """
    asked = masking(arguments)
    makes_pseudonyms = any(rule.method is MaskMethod.PSEUDONYM for rule in asked.rules)
    may_make_them = arguments.preset or asked.profile is not MaskProfile.UNSPECIFIED
    return bool(makes_pseudonyms or may_make_them or arguments.masking_key_file)


def _add_patterns(parser: Any, option: str, name: str, text: str) -> None:
    parser.add_argument(
        option,
        dest=name,
        action="append",
        default=[],
        metavar="P",
        help=f"{text}; may be given again",
    )


def _profile(text: str) -> str:
    """The name of a profile, which may be typed as requests have it, too: MYDATA_KR."""
    return text.lower().replace("_", "-")


def _rule(text: str) -> MaskRule:
    """A rule as it is typed; argparse names the option that has no such thing."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(
            "must be PATTERN=METHOD or PATTERN=METHOD:DOMAIN, with a METHOD of "
            f"{', '.join(MaskMethod).lower()}, not {text!r}"
        )
    if _MASKING_KEY.fullmatch(found["domain"] or ""):
        raise argparse.ArgumentTypeError(
            f"must have a name for its DOMAIN, and not the key of pseudonyms: {text!r}"
        )
    method = MaskMethod(found["method"].upper())
    return MaskRule(found["columns"], method, found["domain"] or "")


def _rejects(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _MOST_REJECTS:
        raise argparse.ArgumentTypeError(f"must be a whole number below 2^32, not {text!r}")
    return int(text)
