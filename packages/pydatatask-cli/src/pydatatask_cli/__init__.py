"""The administration interface of pydatatask: the commands, what they print, the shell and the FUSE mount."""
