"""Loads a job's files as tensors."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

import torch

from stylize_core.engine.pair import Pair
from stylize_core.errors import InputChanged, InputError, OutputRefused
from stylize_core.files.files import Files
from stylize_core.files.inputs import stat_input
from stylize_core.images.decode import Picture
from stylize_core.images.encode import thumbnail
from stylize_core.images.resize import alpha_plane, content_tensor, style_tensor
from stylize_core.job import Job, Source
from stylize_core.pictures import read_picture
from stylize_core.store import layout
from stylize_core.store.fingerprints import forget

KEPT_BYTES = 512 << 20
"""Cache of decoded pictures, 130 million pixels: crosses use the same few styles and contents repeatedly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A job that is ready to be optimised.

    Attributes:
        job: the job.
        pair: its tensors.
        alpha: (1, H, W), the transparency to keep in the output; None for an opaque output.
    """

    job: Job
    pair: Pair
    alpha: torch.Tensor | None


class PictureCache:
    """The most recently used decoded pictures, up to a number of bytes; the newest is kept whatever its size.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._bytes = limit, 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()
        self._lock = Lock()

    def get(self, sha256: str) -> Picture | None:
        """Returns a picture that is still kept."""
        with self._lock:
            if sha256 in self._pictures:
                self._pictures.move_to_end(sha256)
            return self._pictures.get(sha256)

    def put(self, sha256: str, picture: Picture) -> None:
        """Keeps a picture that is not kept yet."""
        with self._lock:
            self._pictures[sha256] = picture
            self._bytes += picture.bytes
            while self._bytes > self._limit and len(self._pictures) > 1:
                self._bytes -= self._pictures.popitem(last=False)[1].bytes


class PairLoader(ABC):
    """Makes tensors of a job's pictures from any source; for any number of threads."""

    def __init__(self) -> None:
        self._kept = PictureCache(KEPT_BYTES)
        self._locks: dict[str, Lock] = {}

    def load(self, job: Job) -> Loaded:
        """Returns a job with its tensors.

        Raises:
            InputError: a file is gone, changed, or no image that can be used.
            StoreError: the store cannot be written.
        """
        return Loaded(job=job, pair=self.pair(job), alpha=self.alpha(job) if job.settings.alpha == "keep" else None)

    def picture(self, source: Source) -> Picture:
        """Returns a decoded input; if several threads ask for the same one at once, the first decodes it."""
        with self._locks.setdefault(source.sha256, Lock()):
            picture = self._kept.get(source.sha256)
            if picture is None:
                picture = self._read(source)
                self._kept.put(source.sha256, picture)
            return picture

    def pair(self, job: Job) -> Pair:
        """Returns the tensors of a job.

        Raises:
            InputError: a file is gone, changed, or no image that can be used.
        """
        settings, (style, _) = job.settings, job.styles[0]
        content = self.picture(job.content)
        shape = (job.height, job.width)
        return Pair(
            settings=settings,
            content=content_tensor(content, *shape, settings.fit),
            style=style_tensor(self.picture(style), settings.style_edge(*shape), settings.style_fit, *shape),
            style_key=style.sha256 if settings.colour == "style" else f"{style.sha256} {job.content.sha256}",
            init=content_tensor(self.picture(job.init), *shape, "stretch") if job.init else None,
        )

    def alpha(self, job: Job) -> torch.Tensor | None:
        """Returns the content's transparency at the size of the target, (1, H, W); None if it is opaque."""
        return alpha_plane(self.picture(job.content), job.height, job.width, job.settings.fit)

    @abstractmethod
    def _read(self, source: Source) -> Picture:
        """Returns a picture that is not in the cache."""


class Loader(PairLoader):
    """Reads inputs from their files, and checks that they are still the planned ones.

    Args:
        files: the store; gets a small picture of each input that it does not have yet.
    """

    def __init__(self, files: Files) -> None:
        super().__init__()
        self.files = files

    def _read(self, source: Source) -> Picture:
        try:
            picture = read_picture(source.uri, source.sha256)
        except InputChanged:
            self._forget(source)
            raise
        path = layout.thumbnail(source.sha256)
        if not self.files.exists(path):
            with suppress(OutputRefused):  # a report does not need it
                self.files.publish(path, thumbnail(picture))
        return picture

    def _forget(self, source: Source) -> None:
        """Makes the next plan read a file again whose change it could not detect."""
        with suppress(OutputRefused, InputError):  # if this fails, the file's own error matters more
            forget(self.files, (source.uri, *stat_input(source.uri)), source.sha256)
