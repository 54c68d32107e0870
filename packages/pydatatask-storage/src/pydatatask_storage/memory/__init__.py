"""Repositories in the memory of this process.

:mod:`.base` has what they share, a dict; :mod:`.blobs` and :mod:`.metadata` add values. :mod:`.counting_dict` counts
changes, so that a round can skip a repository that has not changed.
"""
