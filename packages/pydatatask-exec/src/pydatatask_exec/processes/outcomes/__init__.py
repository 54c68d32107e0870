"""What recording outcomes needs, whatever manages the processes.

:mod:`.output_tail` keeps the end of an output for the record of a failure. :mod:`.launch_failures` counts launches that
keep failing for a reason that lies in the job.
"""
