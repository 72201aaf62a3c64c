"""All data of a report, read from the store once."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stylize_core.files.files import Files
from stylize_core.record.read_run import read_record
from stylize_core.record.rows import RunRows
from stylize_core.record.run_record import RunRecord
from stylize_core.record.table import LINE, RunTable, run_table
from stylize_core.record.term_curves import TermCurves, read_term_curves
from stylize_core.report.ranking import Ranked, rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that is known about a run.

    Attributes:
        rows: of the run.
        table: of these rows.
        jobs: the finished ones of the table.
        curves: their losses.
        ranked: lists of jobs that deserve a look.
        record: the run, with some of its jobs, including those of the lists.
    """

    rows: RunRows
    table: RunTable
    jobs: pd.DataFrame
    curves: TermCurves
    ranked: Sequence[Ranked]
    record: RunRecord

    @property
    def remarkable(self) -> set[str]:
        """Ids of the jobs in the ranked lists."""
        return {job_id for one in self.ranked for job_id in one.jobs}


def read_findings(files: Files, run: str) -> Findings:
    """Returns all that the store knows about a run.

    Raises:
        UsageError: there is no such run.
        StoreError: a file of the store is damaged.
    """
    rows = RunRows(files, run, LINE)
    table = run_table(rows)
    jobs = table.jobs()
    curves = read_term_curves(files, jobs)
    ranked = rank(jobs, curves)
    record = read_record(rows, table, {job_id for one in ranked for job_id in one.jobs})
    return Findings(rows=rows, table=table, jobs=jobs, curves=curves, ranked=ranked, record=record)
