"""The report: a run as one HTML file. It only reads, and needs no JAX."""

from fallline.report.write import report_page, write_report

__all__ = ["report_page", "write_report"]
