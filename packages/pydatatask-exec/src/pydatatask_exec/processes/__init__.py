"""Run a script for each job as a process, on this machine or over SSH.

:mod:`.task` has the task. A :mod:`.manager` says where processes run and returns a :mod:`.workspace`: the jobs of one
task on the target. :mod:`.jobs` launches, adopts, reaps and kills; it documents the order of all steps.
:mod:`.claims` tracks live jobs, :mod:`.reconcile` brings them in line with the target and ``pids``, :mod:`.job_status`
infers the state of a job and :mod:`.reaper` records its outcome. :mod:`.identity` distinguishes processes, and
:mod:`.launch_script` describes a launch. :mod:`.local` and :mod:`.ssh` implement managers and workspaces.
"""
