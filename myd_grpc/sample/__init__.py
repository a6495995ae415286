"""Make MyData-shaped sample files of any size: synthetic people, the same bytes for one seed.

``generate`` writes files, ``plaintext`` yields one file's bytes; ``python -m myd_grpc.sample`` is
the command. The first user, FIRST_USER, always has orders of MAIN_PROPOSAL in every month from
2022-06 to 2023-05.
"""

from __future__ import annotations

from typing import Final

from myd_grpc.sample.document import plaintext
from myd_grpc.sample.files import SampleFile, SampleSet, generate, key_and_iv
from myd_grpc.sample.shopping import MAIN_PROPOSAL, OTHER_PROPOSAL

FIRST_USER: Final = "user-000001"

__all__ = [
    "FIRST_USER",
    "MAIN_PROPOSAL",
    "OTHER_PROPOSAL",
    "SampleFile",
    "SampleSet",
    "generate",
    "key_and_iv",
    "plaintext",
]
