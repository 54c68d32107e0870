"""Blobs in S3, or in any server with the same interface.

:mod:`.repository` has the repository. A value is read by :mod:`.reader` and written by :mod:`.writer`, which sends
large ones as a multipart :mod:`.upload` cut by :mod:`.parts`. :mod:`.bucket` creates the bucket and aborts abandoned
uploads, :mod:`.bucket_info` is what templates get, and :mod:`.errors` translates what the server answers.
"""
