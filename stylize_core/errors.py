"""The tree of expected errors. A leaf: from the project it imports only `control_codes`.

StylizeError
├── UsageError            an option or an argument
├── ManifestError         the manifest as a whole
├── RowError              one row of the manifest
├── SettingError          one value of one setting
├── WeightsError          ├── WeightsUnavailable  WeightsCorrupt  WeightsIncomplete
├── InputError            ├── InputMissing  InputUnreadable  InputIsFolder  InputTooLarge  InputChanged
│                         └── ImageEmpty  ImageUnknown  ImageTruncated  ImageTooLarge  ImageTooSmall  ImageProfile
├── StoreError            ├── StoreUnusable (OutputRefused  StoreDenied)  StoreFull  StoreDamaged  StoreSchema
│                         └── StoreLocked
├── EngineError           ├── Diverged  OutOfMemory  JobTimeout  DeviceLost  WorkerLost  PartitionLost
└── Stopped

Every error carries three parts (what, where, what to do), a stable `code` that ends up in results, and whether
trying again may help (`retryable`).
"""

from typing import ClassVar

from stylize_core.control_codes import escape_controls


class StylizeError(Exception):
    """An expected failure. Its texts are shown on terminals, in logs and tables, so control characters are escaped.

    Args:
        what: what went wrong, in one sentence without a full stop.
        where: the file, line, column, layer or URI it concerns.
        todo: what the reader can do about it; if empty, the class's own advice.
    """

    code: ClassVar[str] = "unexpected"
    retryable: ClassVar[bool] = False
    advice: ClassVar[str] = ""

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        super().__init__(what, where, todo)
        self.what = escape_controls(what)
        self.where = escape_controls(where)
        self.todo = escape_controls(todo or self.advice, keep="\n")  # each of many problems has a line

    def __str__(self) -> str:
        return " · ".join(part for part in (self.what, self.where, self.todo) if part)

    def __reduce__(self) -> tuple[object, ...]:  # so that keyword-only arguments survive pickling
        return (_rebuild, (type(self), self.what, self.where, self.todo))


def _rebuild(kind: type[StylizeError], what: str, where: str, todo: str) -> StylizeError:
    return kind(what, where=where, todo=todo)


class UsageError(StylizeError):
    """An option or an argument cannot be used."""

    code = "bad_option"


class ManifestError(StylizeError):
    """The manifest cannot be read as a whole: no file, not UTF-8, no header, no rows."""

    code = "manifest_unreadable"


class RowError(StylizeError):
    """A row of the manifest has problems; each is named with its column."""

    code = "bad_row"


class SettingError(StylizeError):
    """A value of a setting is not allowed."""

    code = "bad_setting"


class WeightsError(StylizeError):
    """The network's weights cannot be used."""

    code = "weights_unusable"
    advice = "use --weights imagenet, --weights builtin, or --weights PATH (.safetensors or .pth)"


class WeightsUnavailable(WeightsError):
    """The weights file does not exist or cannot be downloaded."""

    code = "weights_unavailable"


class WeightsCorrupt(WeightsError):
    """The weights file is damaged, or contains something other than tensors."""

    code = "weights_corrupt"


class WeightsIncomplete(WeightsError):
    """The weights file lacks a tensor that a job needs, or has one of another shape."""

    code = "weights_incomplete"


class InputError(StylizeError):
    """An input image cannot be used."""

    code = "input_unusable"


class InputMissing(InputError):
    """There is no file at the URI."""

    code = "input_missing"
    advice = "check the path; relative paths start at the manifest's folder"


class InputUnreadable(InputError):
    """The file exists but cannot be read (permission, connection)."""

    code = "input_unreadable"
    retryable = True
    advice = "check its permissions and the connection"


class InputIsFolder(InputError):
    """The URI names a folder."""

    code = "input_is_folder"
    advice = "name one image; `stylize cross` turns folders into rows"


class InputTooLarge(InputError):
    """The file has more bytes than the program ever reads (1 GiB), or its server does not stop sending."""

    code = "input_too_large"
    advice = "compress or shrink the image; no usable image needs so many bytes"


class InputChanged(InputError):
    """The file has changed since the run was planned."""

    code = "input_changed"
    retryable = True
    advice = "run the manifest again: the new file is a new job"


class ImageEmpty(InputError):
    """The file has 0 bytes."""

    code = "image_empty"
    advice = "replace the file"


class ImageUnknown(InputError):
    """The file is not an image of a known format."""

    code = "image_unknown"
    advice = "use PNG, JPEG, WebP, TIFF, BMP, GIF or PPM"


class ImageTruncated(InputError):
    """The image's data ends early or is damaged."""

    code = "image_truncated"
    advice = "copy or download the file again"


class ImageTooLarge(InputError):
    """The image has more pixels than the limit."""

    code = "image_too_large"
    advice = "shrink it first"


class ImageTooSmall(InputError):
    """The image, or the target made from it, is too small for the network."""

    code = "image_too_small"
    advice = "use a larger image, a larger size or shallower layers"


class ImageProfile(InputError):
    """The colour profile embedded in the image is damaged."""

    code = "image_profile"
    advice = "save the image again without its profile, or as sRGB"


class StoreError(StylizeError):
    """The output store failed."""

    code = "store_failed"


class StoreUnusable(StoreError):
    """The store cannot be read or written."""

    code = "store_unusable"
    retryable = True
    advice = "check that the folder or bucket exists and that you may write to it"


class OutputRefused(StoreUnusable):
    """The store accepts other files, but not this one: something is in its place, or its folder is not writable."""

    code = "output_refused"
    advice = "remove what is in its place, or make its folder writable"


class StoreDenied(StoreUnusable):
    """The store refuses this user, or lacks a required feature; trying again does not help."""

    code = "store_denied"
    retryable = False
    advice = "check the credentials, the name of the bucket and what its policy allows"


class StoreFull(StoreError):
    """There is no space left for the store."""

    code = "store_full"
    retryable = True
    advice = "free some space, then run the same command again: finished jobs are kept"


class StoreDamaged(StoreError):
    """A file of the store differs from what was written."""

    code = "store_damaged"
    advice = "restore it from a backup"


class StoreSchema(StoreError):
    """The folder is not a store, or is a store of another schema version."""

    code = "store_schema"


class StoreLocked(StoreError):
    """Another run is writing to the store."""

    code = "store_locked"
    advice = "wait for that run to end, or start this one with --wait"


class EngineError(StylizeError):
    """The optimisation of a job failed."""

    code = "engine_failed"


class Diverged(EngineError):
    """The loss was non-finite or kept exploding after every fallback; the best image was kept."""

    code = "diverged"
    advice = "lower learning_rate or the weights, or use another optimiser"


class OutOfMemory(EngineError):
    """A single job does not fit into the device's memory."""

    code = "out_of_memory"
    advice = "lower size, or use a device with more memory"


class JobTimeout(EngineError):
    """A job took longer than its limit; because this also depends on the device's load, a retry may succeed."""

    code = "timed_out"
    retryable = True
    advice = "raise --job-timeout, or lower size or steps; then run the same command again"


class DeviceLost(EngineError):
    """The device stopped working during the run; a process that used it cannot use it again."""

    code = "device_lost"
    retryable = True
    advice = "check the device with its own tools, then run the same command again: finished jobs are kept"


class WorkerLost(EngineError):
    """The worker died each time it computed the job alone."""

    code = "worker_lost"
    retryable = True
    advice = "check the logs of the worker and the machine; often memory ran out: lower size, or use another device"


class PartitionLost(EngineError):
    """Flow runs of a run's partitions ended repeatedly before they were finished."""

    code = "partition_lost"
    advice = "check these flow runs and the worker's log, then run the same command again: finished jobs are kept"


class Stopped(StylizeError):
    """The run was asked to stop."""

    code = "stopped"
