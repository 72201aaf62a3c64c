"""The jobs of a plan, kept out of memory in a private file."""

import pickle
from threading import Lock
from typing import Any

from stylize_core.job import Job, Source
from stylize_core.settings import Settings
from stylize_core.spool import private_file, temp_write_errors

_SETTINGS_KEPT = 4096


class JobSpool:
    """Jobs, each at its place: the URIs of their inputs are whole here, with their credentials."""

    def __init__(self) -> None:
        self._file, self._end, self._lock = private_file(self), 0, Lock()
        self._settings_places: dict[str, int] = {}
        self._settings: dict[int, Settings] = {}

    def add(self, job: Job, settings: str) -> int:
        """Writes a job and returns its place.

        Args:
            job: any.
            settings: its settings, from `Settings.to_json`.

        Raises:
            UsageError: there is no room for it.
        """
        place = self._settings_places.get(settings)
        if place is None:
            if len(self._settings_places) == _SETTINGS_KEPT:
                self._settings_places.clear()  # they are written again where they come again
            place = self._settings_places[settings] = self._write(job.settings)
        (style, weight), init = job.styles[0], job.init
        sources = _to_tuple(job.content), _to_tuple(style), weight, _to_tuple(init) if init else None
        return self._write((job.job_id, *sources, place, job.height, job.width))

    def read(self, place: int) -> Job:
        """Returns the job at a place; for any number of threads."""
        job_id, content, style, weight, init, settings, height, width = self._read(place)
        return Job(
            job_id=job_id,
            content=_to_source(content),
            styles=((_to_source(style), weight),),
            init=_to_source(init) if init else None,
            settings=self._settings_at(settings),
            height=height,
            width=width,
        )

    def _write(self, value: object) -> int:
        place, data = self._end, pickle.dumps(value)
        with temp_write_errors():
            self._end += self._file.write(data)
        return place

    def _read(self, place: int) -> Any:
        with self._lock:
            self._file.seek(place)
            return pickle.load(self._file)

    def _settings_at(self, place: int) -> Settings:
        if place not in self._settings:
            if len(self._settings) == _SETTINGS_KEPT:
                self._settings.clear()
            self._settings[place] = self._read(place)
        return self._settings[place]


def _to_tuple(source: Source) -> tuple[str, str, int, int]:
    return source.uri, source.sha256, source.width, source.height


def _to_source(parts: tuple[str, str, int, int]) -> Source:
    uri, sha256, width, height = parts
    return Source(uri=uri, sha256=sha256, width=width, height=height)
