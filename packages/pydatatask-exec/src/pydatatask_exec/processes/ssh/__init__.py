"""Processes on a machine reached over SSH.

:mod:`.manager` has the process manager, :mod:`.workspace` a task's jobs, :mod:`.target` the machine: one long-lived
:mod:`.shell` and one SFTP channel (:mod:`.files`) per :mod:`.connection`. :mod:`.launches` sends launches in batches,
written by :mod:`.shell_code` in terms of the functions of :mod:`.shell_prelude`.
"""
