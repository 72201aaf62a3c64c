"""The output store: layout, commits, resume, lease, fingerprints of inputs."""

from stylize_core.files.files import Entry, Files
from stylize_core.files.inputs import read_input, stat_input
from stylize_core.store.commits import commit_name, publish_commit
from stylize_core.store.fingerprints import Fingerprint, Fingerprints
from stylize_core.store.holder import Holder
from stylize_core.store.lease import Lease
from stylize_core.store.ledger import attempts, live, live_results, read_metrics, read_results
from stylize_core.store.records import Outcome, Result
from stylize_core.store.status import RunSummary, Summary, summary
from stylize_core.store.store import open_store
from stylize_core.store.sweep import sweep
from stylize_core.store.tables import publish_table, read_table
from stylize_core.store.verify import Fault, verify

__all__ = [
    "Entry",
    "Fault",
    "Files",
    "Fingerprint",
    "Fingerprints",
    "Holder",
    "Lease",
    "Outcome",
    "Result",
    "RunSummary",
    "Summary",
    "attempts",
    "commit_name",
    "live",
    "live_results",
    "open_store",
    "publish_commit",
    "publish_table",
    "read_input",
    "read_metrics",
    "read_results",
    "read_table",
    "stat_input",
    "summary",
    "sweep",
    "verify",
]
