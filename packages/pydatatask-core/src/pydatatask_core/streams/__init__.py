"""Streams: the reading and writing of blobs.

:mod:`.byte_streams` has the contracts and the copy loop, :mod:`.bases` the base classes for authors of stores,
:mod:`.text` the text layer over byte streams. :mod:`.roundrobin` iterates over several iterables in turn.
"""
