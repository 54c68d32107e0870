"""Building blocks for asyncio.

:mod:`.offload` runs blocking calls on a thread, in batches; :mod:`.clean_up` completes clean-up despite cancellation,
and :mod:`.cancellation` tells who requested one; :mod:`.single_flight` shares one call among concurrent callers,
:mod:`.awaiting` takes the results of plain and coroutine functions alike, and :mod:`.task_groups` raises a single
failure of a task group as itself.
"""
