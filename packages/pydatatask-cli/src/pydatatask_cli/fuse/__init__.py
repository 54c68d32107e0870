"""The pipeline as a file system: a directory for each task, in it one for each link, and in that the jobs as files."""
