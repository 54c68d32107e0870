"""The program that runs the jobs of this machine, in a process of its own, and records how they end.

A shell for each job that waits for the job's own process would take as long as most short jobs do. So one process looks
after many, and outlives the pipeline that has started it for as long as there are any. It imports nothing of the rest
of this library, and next to nothing else, so that it is there at once and small; hence the relative imports, too.

For each job, in this order, it

1. fills a directory, where nobody looks for jobs. It has the job's files, room for the exit status, so that it can be
   recorded although the disk may be full by then, and the file for the job's identity, whose first line names the
   supervisor;
2. moves that directory to where the job is looked for. This is the claim: it fails if the job has one already, or if
   another pipeline has removed the place of the first step, as the one that has asked for the job is no more;
3. starts the process in a session of its own, and adds its identity to the file;
4. ends, once the process has ended, what that has left behind in its process group;
5. records the exit status, in place, or anew if the job has removed the file: a newline after it tells that it is
   complete.

:mod:`pydatatask_exec.processes.launch_script` does as much on other machines, by a shell for each job.
"""
