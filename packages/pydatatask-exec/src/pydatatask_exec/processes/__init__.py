"""Tasks that run a script for each job as a process, here or over SSH.

:mod:`.task` has the task. A :mod:`.manager` says where processes run and hands out a :mod:`.workspace`: the jobs'
directories on the target. :mod:`.jobs` launches, adopts and reaps; :mod:`.claims` keeps what is known of live jobs,
:mod:`.reconcile` brings it in line with the target and ``pids``, :mod:`.job_status` reads what happened to a job and
:mod:`.reaper` records it. A process is identified by :mod:`.identity`; :mod:`.launch_script` describes a launch.
"""
