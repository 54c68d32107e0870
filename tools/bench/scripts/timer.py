"""Run a program, and print its milliseconds and its peak memory in KiB.

Called in an interpreter that has loaded next to nothing (`python -I -S`): a child's peak memory is never reported
below that of its parent, so the parent has to be small.
"""

import os
import sys
import time

begin = time.perf_counter()
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print((time.perf_counter() - begin) * 1000, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status) != 0)
