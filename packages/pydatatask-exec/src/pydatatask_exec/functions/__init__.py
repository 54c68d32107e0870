"""Tasks whose body is a Python function.

:mod:`.task` has what they share and :mod:`.in_process` the task that runs in this process. :mod:`.binding` matches
the function's parameters with the task's links, :mod:`.runner` calls it in the event loop or in one of its
:mod:`.threads`, and :mod:`.stopping` cancels it at its timeout or on request. :mod:`.execution` records the outcome
that :mod:`.records` describes, unless an :mod:`interruption <.interruptions>` is no outcome, and
:mod:`.tracked_execution` does so where failures are recorded apart. :mod:`.types` says what counts as a function.
:mod:`.loop_monitor` warns of one that holds the event loop.
"""
