"""`python tied.py COMMAND...`: become COMMAND, ended by the kernel when the parent process ends.

Run as a file and with nothing imported beyond the standard library: it starts in milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1

if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is the caller's
