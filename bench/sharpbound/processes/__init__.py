"""Forward processes X_t = a_t X0 + sigma_t W: the levels that a sampler visits, and schedules by name."""

from sharpbound.processes.ladder import Ladder, Level
from sharpbound.processes.process import PROCESSES, SUB_VP, VE, VP, Process
from sharpbound.processes.schedules import SCHEDULES, build

__all__ = ["PROCESSES", "SCHEDULES", "SUB_VP", "VE", "VP", "Ladder", "Level", "Process", "build"]
