"""Plans a run without starting it."""

from stylize_core.engine.engine import Engine
from stylize_core.files.files import Files
from stylize_core.manifest.manifest import Manifest
from stylize_core.manifest.private_copy import manifest_file
from stylize_core.options import Options
from stylize_core.plan.plan import Plan, make_plan
from stylize_core.store import layout
from stylize_core.store.store import open_store
from stylize_core.store.survey import survey
from stylize_core.store.sweep import check_sweepable
from stylize_core.store.verify import lost_jobs


def look_ahead(options: Options) -> Plan:
    """Returns the plan of a run; writes nothing."""
    with manifest_file(options.manifest) as file:
        manifest = Manifest(file, options.manifest)
        engine = Engine.load(options.weights, options.device, options.precision)
        if not Files(options.store).exists(layout.STORE):
            return make_plan(manifest, options, engine, None)
        files = open_store(options.store, create=False)
        found = survey(files)
        check_sweepable(files, found)
        return make_plan(manifest, options, engine, files, lost_jobs(files, found, read_all=options.verify))
