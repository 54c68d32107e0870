"""The program that runs the jobs of this machine, in a process of its own, and records how they end.

A shell for each job that waits for the job's own process would take as long as most short jobs do. So one process
supervises many, and outlives the pipeline that has started it as long as it has jobs. It is started by path and imports
nothing of the rest of this library, and next to nothing else, so that it starts fast and stays small. Its own imports
are relative.

For each job, in this order, it

1. fills a directory in a staging directory, where no controller looks for jobs. It holds the job's files, room for the
   exit status, so that it can be recorded even if the disk is full by then, and the file for the job's identity, whose
   first line names the supervisor;
2. moves that directory to where controllers look for the job. This is the claim. It fails if the job has one already,
   or if another pipeline has removed the staging directory, as the controller that asked for the job is gone;
3. starts the process in a session of its own, and adds its identity to the file;
4. if the job has a deadline, tells its process group to end by then, and kills it after a grace;
5. ends, once the process has ended, what is left running in its process group;
6. records the exit status, in place, or in a new file if the job has removed that one. A newline after it shows that it
   is complete.

:mod:`pydatatask_exec.processes.launch_script` does the same on other machines, by a shell for each job.
"""
