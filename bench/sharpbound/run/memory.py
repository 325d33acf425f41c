"""How much memory a block took at its peak.

The number is the largest resident size that the process had during the block: its libraries are in it, and what an
earlier block left. Linux keeps such a mark and lets it be set anew; elsewhere the mark is that of the process so far,
which is no less.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PROCESS = Path("/proc/self")
_ANEW = "5"
"""What Linux takes for the order to begin the mark at the present size (proc(5), clear_refs)."""


def begin_peak() -> None:
    """Forget earlier peaks, where that can be done."""
    try:
        (_PROCESS / "clear_refs").write_text(_ANEW)
    except OSError:  # another system, or a container that keeps it from us
        return


def peak_bytes() -> int:
    """The peak since `begin_peak` (bytes); 0 where the system keeps none."""
    try:
        if found := re.search(r"VmHWM:\s+(\d+) kB", (_PROCESS / "status").read_text()):
            return int(found[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
