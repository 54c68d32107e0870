"""Tasks whose body is a Python function.

:mod:`.task` has what they share and :mod:`.in_process` the task that runs in this process. :mod:`.binding` matches
the function's parameters with the task's links, :mod:`.runner` calls it in the event loop or in a thread, and
:mod:`.records` makes the outcome record; :mod:`.types` says what counts as a function.
"""
