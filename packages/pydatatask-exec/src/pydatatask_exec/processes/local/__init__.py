"""Run the processes of a task on this machine.

:mod:`.manager` has the process manager and :mod:`.workspace` the jobs of one task, whose directories
:mod:`.job_directory` reads and removes. A launch goes to one of the :mod:`.supervisors`: a :mod:`.supervisor_process`
with its table of jobs (:mod:`.supervised_job`), reached over a :mod:`.supervisor_connection`. The :mod:`.supervisor`
package is the program at the other end, which claims, starts and records jobs. :mod:`.other_controllers` settles who
may claim without a check, and :mod:`.taken_directories` who records a job that has ended. :mod:`.child_watch` notices
the end of processes, and :mod:`.termination` ends them.
"""
