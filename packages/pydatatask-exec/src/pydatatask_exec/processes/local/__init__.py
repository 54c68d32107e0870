"""Processes on this machine.

:mod:`.manager` has the process manager, :mod:`.workspace` a task's jobs. A launch goes to one of the
:mod:`.supervisors` over a :mod:`.supervisor_connection`; the :mod:`.supervisor` package is the program at its other
end, which claims, starts and records jobs. :mod:`.termination` ends what a killed supervisor left running, and
:mod:`.child_watch` notices exits at once.
"""
