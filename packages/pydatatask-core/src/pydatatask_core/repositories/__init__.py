"""Repositories: key-value stores whose keys are job ids.

:mod:`.repository` has the contract that every store implements; :mod:`.blobs` and :mod:`.metadata` add values, which
are streams of bytes or small records, and :mod:`.sizes` the size of a value. A listing passes through
:mod:`.job_ids`, which decides what is a job id, and :mod:`.invalid_ids`, which reports what is skipped. The set
functions of :mod:`.algebra` work on whole listings, which they get from :mod:`.lookups`. :mod:`.derived` is the base
class of repositories that are made of others, such as :mod:`.readiness` and :mod:`.translation`, and
:mod:`.method_overrides` has the decorators of bulk methods.

Others use the repository classes, ``Access``, ``resolve``, the functions of :mod:`.algebra` and the decorators.
"""
