"""From result files to a site, a PDF, and tables and figures for papers. Reads result files only."""

from __future__ import annotations

from sharpbound.report.render import render

__all__ = ["render"]
