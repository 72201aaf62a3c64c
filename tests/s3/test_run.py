"""Whole runs with manifest, inputs and store on a real object store."""

import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytestmark = pytest.mark.slow

OF_THE_RUN = ["commit", "run", "seconds"]


@pytest.fixture
def upload(manifests: Any, put: Callable[[str, bytes], None], bucket: str) -> Callable[..., str]:
    """Puts a manifest of tiny jobs and its pictures into the bucket; returns the manifest's URL."""

    def upload(rows: list[dict[str, str]]) -> str:
        for picture in manifests.folder.glob("*.png"):
            put(f"{bucket}/in/{picture.name}", picture.read_bytes())
        put(f"{bucket}/in/manifest.csv", Path(manifests.write(rows)).read_bytes())
        return f"{bucket}/in/manifest.csv"

    return upload


def command(manifest: str, store: str) -> tuple[str, ...]:
    """The run of a manifest into a store."""
    return ("run", manifest, "--store", store, "--weights", "builtin", "--runner", "loop")


def comparable(lines: pd.DataFrame) -> pd.DataFrame:
    """The files that have to be the same in every run."""
    return lines.drop(columns=OF_THE_RUN).sort_values("job_id", ignore_index=True)


def test_a_run_and_its_resume(
    swift: Any,
    bucket: str,
    upload: Callable[..., str],
    manifests: Any,
    stylize: Callable[..., Any],
    fetch: Callable[[str], Path],
    view: Callable[[Path], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Everything on the server: done, skipped the second time, counted, verified, reported; no secret anywhere."""
    caplog.set_level("INFO")
    manifest, store = upload(manifests.rows(3)), f"{bucket}/store"
    first = stylize(*command(manifest, store))
    assert first.code == 0, first.err
    second = stylize(*command(manifest, store))
    assert second.code == 0, second.err
    status, report = stylize("status", store, "--verify"), stylize("report", store)
    assert status.out.endswith("verified: 0 faults\n")
    assert report.code == 0, report.err

    folder = fetch(store)
    found = view(folder)
    assert found.statuses(0) == ["done"] * 3
    assert found.statuses(1) == ["skipped"] * 3
    assert len(found.lines) == 3
    assert len(found.images) == 3
    assert list(folder.glob("runs/*/report.html"))
    assert list(folder.glob("runs/*/contact-sheets/*"))
    said = "".join(ended.out + ended.err for ended in (first, second, status, report)) + caplog.text
    texts = [said.encode(), *(path.read_bytes() for path in folder.rglob("*") if path.is_file())]
    for secret in (swift.secret, swift.key):
        assert not [text for text in texts if secret.encode() in text]


def test_faults_of_the_server(
    bucket: str,
    proxy: Any,
    at_random: Callable[..., Any],
    upload: Callable[..., str],
    manifests: Any,
    drive: Callable[..., Any],
    stylize: Callable[..., Any],
    fetch: Callable[[str], Path],
    view: Callable[[Path], Any],
) -> None:
    """If a tenth of all requests fails, is truncated or late, a run completes: nothing is lost or done twice."""
    rows = [{**row, "size": "16"} for row in manifests.rows(40)]
    manifest, store = upload(rows), f"{bucket}/store"
    proxy.choose = at_random(0.1, seed=4)
    run = drive(*command(manifest, store))
    assert run.wait(240) == 0, run.output

    faults = Counter(fault for _, _, fault in proxy.seen)
    assert set(faults) == {None, "fail", "busy", "refuse", "lose", "cut", "delay"}
    assert run.computed == [str(seed) for seed in range(40)]
    folder = fetch(store)
    found = view(folder)
    assert found.statuses() == ["done"] * 40
    assert found.lines["job_id"].is_unique
    assert len(found.lines) == len(found.images) == 40
    lease = [json.loads(path.read_bytes()) for path in (folder / "lease").iterdir()]
    assert [(one["n"], one["released"]) for one in lease] == [(1, True)]
    assert stylize("status", store, "--verify").out.endswith("verified: 0 faults\n")


def test_kills(
    bucket: str,
    upload: Callable[..., str],
    manifests: Any,
    drive: Callable[..., Any],
    stylize: Callable[..., Any],
    fetch: Callable[[str], Path],
    view: Callable[[Path], Any],
) -> None:
    """Law 2: killed at three random moments and run again, a run equals an undisturbed one, without strays."""
    manifest, generator = upload(manifests.rows(8)), random.Random()
    undisturbed = drive(*command(manifest, f"{bucket}/undisturbed"))
    assert undisturbed.wait() == 0, undisturbed.output

    store = f"{bucket}/store"
    computed: list[str] = []
    for kill in (1, 2, 3):
        run = drive(*command(manifest, store), step_seconds=0.1)
        run.wait_for_journal(1)
        time.sleep(generator.uniform(0, 0.8))
        run.end()
        committed = view(fetch(store)).seeds()
        assert not set(run.computed) & set(computed), f"kill {kill}"
        computed = committed
    last = drive(*command(manifest, store))
    assert last.wait() == 0, last.output
    assert last.computed == [str(seed) for seed in range(8) if str(seed) not in computed]

    found, expected = view(fetch(store)), view(fetch(f"{bucket}/undisturbed"))
    assert found.lines["job_id"].is_unique
    pd.testing.assert_frame_equal(comparable(found.lines), comparable(expected.lines))
    assert found.images == expected.images
    assert stylize("status", store, "--verify").out.endswith("verified: 0 faults\n")


@pytest.mark.parametrize("moment", ["before results 2", "after images 3", "before report.html 1"])
def test_a_kill_between_two_objects(
    moment: str,
    bucket: str,
    upload: Callable[..., str],
    manifests: Any,
    drive: Callable[..., Any],
    stylize: Callable[..., Any],
    fetch: Callable[[str], Path],
    view: Callable[[Path], Any],
) -> None:
    """Law 2 at chosen moments: an image without its mark, a half-published commit, a report not written."""
    manifest, store = upload(manifests.rows(4)), f"{bucket}/store"
    assert drive(*command(manifest, store), kill=moment).wait() == -signal.SIGKILL
    committed = view(fetch(store)).seeds()
    again = drive(*command(manifest, store))
    assert again.wait() == 0, again.output
    assert again.computed == [str(seed) for seed in range(4) if str(seed) not in committed]
    found = view(fetch(store))
    assert len(found.lines) == len(found.images) == 4
    assert stylize("status", store, "--verify").out.endswith("verified: 0 faults\n")


def test_a_second_run_is_refused_or_waits(
    bucket: str,
    upload: Callable[..., str],
    manifests: Any,
    drive: Callable[..., Any],
    stylize: Callable[..., Any],
) -> None:
    """While a run writes to the store, another is refused, naming the first; with --wait it waits, and then skips."""
    manifest, store = upload(manifests.rows(3)), f"{bucket}/store"
    first = drive(*command(manifest, store), step_seconds=1.0)
    first.wait_for_journal(1)
    refused = stylize(*command(manifest, store))
    assert refused.code == 2
    assert re.search(rf"another run is writing to this store: process {first.process.pid} on ", refused.err)
    assert "--wait" in refused.err
    waited = stylize(*command(manifest, store), "--wait")
    assert first.wait() == 0
    assert waited.code == 0, waited.err
    assert "3 skipped" in waited.out


def test_what_cannot_be_started(
    bucket: str, upload: Callable[..., str], manifests: Any, stylize: Callable[..., Any]
) -> None:
    """A bucket that does not exist, for the manifest or for the store, ends the run at once with its name."""
    manifest = upload(manifests.rows(1))
    start = time.monotonic()
    for arguments in (
        command(manifest, "s3://no-such-bucket/store"),
        command("s3://no-such-bucket/manifest.csv", f"{bucket}/store"),
        ("status", "s3://no-such-bucket/store"),
        ("plan", manifest, "--store", "s3://no-such-bucket/store", "--weights", "builtin"),
    ):
        ended = stylize(*arguments)
        assert ended.code == 2, arguments
        assert "there is no such bucket" in ended.err
        assert "s3://no-such-bucket" in ended.err
    assert time.monotonic() - start < 20
