"""What recording outcomes needs, whatever manages the processes.

:mod:`.output_tail` keeps the end of an output for the record of a failure.
"""
