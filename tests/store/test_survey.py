"""A store's files compared with its lines."""

from collections.abc import Callable

import pytest

from stylize_core.files.files import Files
from stylize_core.store import survey as surveying
from stylize_core.store.commits import publish_commit
from stylize_core.store.records import Outcome
from stylize_core.store.survey import survey

GONE, EMPTY, LONGER, FLIPPED, SOUND, FAILED = (f"{letter * 4}".ljust(24, "0") for letter in "abcdef")


def image(job_id: str) -> str:
    """Path of a job's image."""
    return f"images/{job_id[:2]}/{job_id}.png"


@pytest.fixture
def damaged(files: Files, outcome: Callable[..., Outcome]) -> Files:
    """A store with damaged images."""
    publish_commit(files, "c1", [outcome(job) for job in (GONE, EMPTY, LONGER, FLIPPED)])
    publish_commit(files, "c2", [outcome(SOUND), outcome(FAILED, status="failed")])
    files.delete([image(GONE), f"images/ff/{FAILED}.failed-1.png"])
    files.publish(image(EMPTY), b"")
    files.publish(image(LONGER), files.read(image(LONGER)) + b"x")
    files.publish(image(FLIPPED), bytes(len(files.read(image(FLIPPED)))))
    return files


@pytest.mark.parametrize("at_once", [1, 3, 1000])
def test_lost_images(damaged: Files, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Done jobs whose image is missing or has another size are lost; the files' contents are not read."""
    monkeypatch.setattr(surveying, "AT_ONCE", at_once)
    found = survey(damaged)
    assert found.lost.to_pylist() == [GONE, EMPTY, LONGER]
    assert found.strays == []
    assert found.jobs == 6


def test_an_image_without_a_path_is_lost(files: Files, outcome: Callable[..., Outcome]) -> None:
    """A done job without an image's name counts as lost."""
    job = outcome(SOUND)
    job.image = None
    publish_commit(files, "c1", [job])
    assert survey(files).lost.to_pylist() == [SOUND]


def test_an_empty_store(files: Files) -> None:
    """In an empty store nothing is lost and nothing is stray."""
    found = survey(files)
    assert (found.jobs, found.lost.to_pylist(), found.strays) == (0, [], [])


def test_one_listing_serves_strays_and_images(damaged: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is listed only once."""
    listed: list[str] = []
    listing = Files.list

    def count(files: Files, folder: str, **options: bool) -> object:
        listed.append(folder)
        return listing(files, folder, **options)

    monkeypatch.setattr(Files, "list", count)
    survey(damaged)
    assert listed.count("") == 1
    assert set(listed) == {"", "results"}
