"""What each job has to come to, told from its input alone."""

from __future__ import annotations

import hashlib
import string
from collections.abc import Mapping

_LETTERS = string.ascii_letters.encode()
_TURNED = "".join(half[13:] + half[:13] for half in (string.ascii_lowercase, string.ascii_uppercase)).encode()
_ROTATION = bytes.maketrans(_LETTERS, _TURNED)


def expected_values(texts: Mapping[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Give, by repository and job, every byte that there has to be."""
    blobs = {job: text.swapcase() for job, text in texts.items()}
    rotated = {job: blob.translate(_ROTATION) for job, blob in blobs.items()}
    digests = {job: hashlib.sha256(text).hexdigest() for job, text in rotated.items()}
    return {
        "blobs": blobs,
        "rotated": rotated,
        "digests": {job: f"{digest}  -\n".encode() for job, digest in digests.items()},
        "reports": {
            job: f"{job} has {len(rotated[job])} bytes with the digest {digest}\n".encode()
            for job, digest in digests.items()
        },
    }
