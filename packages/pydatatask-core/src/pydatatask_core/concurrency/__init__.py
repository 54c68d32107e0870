"""Building blocks for asyncio.

:mod:`.offload` runs blocking calls on a thread, in batches; :mod:`.clean_up` completes clean-up despite cancellation,
:mod:`.cancellation` tells who requested one;
:mod:`.single_flight` shares one call among all who ask for the same thing at the same time.
"""
