"""Repositories: key-value stores whose keys are job ids.

:mod:`.repository` has the contract that every store implements; :mod:`.blobs` and :mod:`.metadata` add values, which
are streams of bytes or small records, and :mod:`.sizes` the size of a value. A listing passes through
:mod:`.job_ids`, which decides what is a job id, and :mod:`.invalid_ids`, which reports what is skipped. Over whole
listings work the set functions of :mod:`.algebra`; :mod:`.readiness` and :mod:`.translation` are repositories made of
others by them.

Others use the repository classes, ``Access``, ``resolve`` and the functions of :mod:`.algebra`.
"""
