"""Run the processes of a task on a machine reached over SSH.

:mod:`.manager` has the process manager and :mod:`.workspace` the jobs of one task. Both use a :mod:`.target`: the
machine, with one long-lived :mod:`.shell` and one SFTP channel (:mod:`.files`) per :mod:`.connection`.
:mod:`.launch_batches` sends many launches together. :mod:`.shell_requests` writes the shell code of every request in
terms of the functions that :mod:`.shell_functions` defines; :mod:`.errors` translates what asyncssh raises.
:mod:`.other_controllers` settles who may claim without a check, and :mod:`.taken_jobs` who records a job that has
ended.
"""
