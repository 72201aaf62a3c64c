"""What another process needs to compute some of a run's chunks, and the context that it opens with this.

Such a process never takes the lease, sweeps or compacts; before each commit it checks that the run's lease is valid.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from stylize_core.chunk.context import Progress, RunContext
from stylize_core.engine.engine import Engine
from stylize_core.errors import StoreLocked, UsageError, WeightsError
from stylize_core.files.files import Files
from stylize_core.options import Options
from stylize_core.release import release
from stylize_core.store.holder import Holder, check_held, newest_holder
from stylize_core.store.store import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTicket:
    """What a process must know about a run besides its options, and must share with it; plain values.

    Attributes:
        run: name of the run.
        lease: token of its lease.
        weights_sha256: of the network.
        release: of this program.
    """

    run: str
    lease: str
    weights_sha256: str
    release: str

    @classmethod
    def of(cls, context: RunContext) -> "RunTicket":
        """Returns the ticket of a run that this process carries out.

        Raises:
            StoreError: the run has lost its lease, or the store cannot be read.
        """
        context.before_commit()
        holder = newest_holder(context.files)
        assert holder, "a run holds the lease"
        sha256 = context.engine.weights.sha256
        return cls(run=context.run, lease=holder.token, weights_sha256=sha256, release=release())

    def open(
        self,
        options: Options,
        *,
        load: Callable[[str, str, str], Engine] = Engine.load,
        should_stop: Callable[[], bool] = lambda: False,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ) -> RunContext:
        """Returns the context in which this process computes chunks of the run.

        Args:
            options: of the run, as `Work` has them.
            load: returns the engine for weights, device and precision.
            should_stop: polled between evaluations.
            on_progress: called for steps and finished batches.

        Raises:
            StoreLocked: the run is over.
            UsageError: this machine has another release, or lacks the device.
            WeightsError: it has other weights of that name.
            StoreError: the store cannot be read.
        """
        if self.release != release():
            what = f"the run uses release {self.release}, this machine has {release()}"
            raise UsageError(what, where=platform.node(), todo="install the same release everywhere")
        files = open_store(options.store, create=False)
        holder = self._holder(files)
        engine = load(options.weights, options.device, options.precision)
        if engine.weights.sha256 != self.weights_sha256:
            what = "this machine's weights of that name differ from the run's"
            raise WeightsError(what, where=f"{options.weights} on {platform.node()}", todo="copy the run's file there")
        return RunContext(
            engine=engine,
            files=files,
            run=self.run,
            before_commit=partial(check_held, files, holder),
            should_stop=should_stop,
            on_progress=on_progress,
            job_timeout=options.job_timeout,
        )

    def _holder(self, files: Files) -> Holder:
        newest = newest_holder(files)
        if newest is None or newest.token != self.lease or not newest.may_be_alive():
            raise StoreLocked("the run of this work is over", where=files.public_uri)
        return newest
