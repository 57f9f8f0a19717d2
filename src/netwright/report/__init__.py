"""The comparison report: methods over the same episodes, with intervals, figures and a summary."""

from netwright.evaluation.comparison import SettingComparison, compare
from netwright.report.page import write_report

__all__ = ["SettingComparison", "compare", "write_report"]
