"""Building blocks for asyncio.

:mod:`.offload` runs blocking calls on a thread, in batches; :mod:`.clean_up` completes clean-up despite cancellation,
and :mod:`.cancellation` tells who requested one; :mod:`.single_flight` shares one call among concurrent callers, and
:mod:`.awaiting` takes the results of plain and coroutine functions alike.
"""
