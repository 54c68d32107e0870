"""A FUSE mount of a pipeline: a directory for each task, in it one for each link, and in that a file for each job.

A request of the kernel arrives in :mod:`.operations`, which replaces inodes and handles by objects, and goes on to
:mod:`.filesystem`. That finds :mod:`.nodes`: a :mod:`.link_directory` lists, renames and deletes jobs by way of a
:mod:`.repository_adapter`. An open file is one of :mod:`.handles`: a job is read by a :mod:`.stream_reader`; what is
written waits in a :mod:`.draft`, over a :mod:`.spooled_file`, until it can be stored in one step. Errors become errno
values in :mod:`.errors`. Types of pyfuse3 are in :mod:`.pyfuse3_api`, and its event loop is :mod:`.trio_adapter`.

Other folders use :func:`.mount.mount`.
"""
