"""Streams: how the value of a blob is read and written.

:mod:`.byte_streams` has the contracts and the copy loop, :mod:`.bases` the base classes for authors of stores,
:mod:`.text` the text layer over byte streams. :mod:`.roundrobin` takes turns between several asynchronous iterators.
"""
