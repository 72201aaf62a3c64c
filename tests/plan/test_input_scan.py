"""The inputs of a plan: checked once, read once, each fault at its input."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import stylize_core.plan.input_scan
from stylize_core.errors import ImageUnknown, InputMissing, Stopped
from stylize_core.files.inputs import open_input, stat_input
from stylize_core.job import Source
from stylize_core.plan.input_scan import InputScan
from stylize_core.store.fingerprints import Fingerprints


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts operations on files, by `stat NAME` and `read NAME`."""
    counter: Counter[str] = Counter()

    def noting(kind: str, function: Callable[[str], object]) -> Callable[[str], object]:
        def call(uri: str) -> object:
            counter[f"{kind} {Path(uri).name}"] += 1
            return function(uri)

        return call

    monkeypatch.setattr(stylize_core.plan.input_scan, "stat_input", noting("stat", stat_input))
    monkeypatch.setattr(stylize_core.plan.input_scan, "open_input", noting("read", open_input))
    return counter


def test_each_input_is_looked_at_once(pictures: Path, calls: Counter[str]) -> None:
    """A file is read once however often a manifest names it, in one batch or several; a later plan reads nothing."""
    one, two = f"{pictures}/content-0.png", f"{pictures}/content-1.png"
    known = Fingerprints()
    with InputScan(known) as sources:
        found = sources.find([one, one]) | sources.find([two, one])
    assert calls == dict.fromkeys(["stat content-0.png", "read content-0.png"], 1) | dict.fromkeys(
        ["stat content-1.png", "read content-1.png"], 1
    )
    calls.clear()
    with InputScan(known) as sources:
        assert sources.find([two, one]) == found
    assert calls == {"stat content-0.png": 1, "stat content-1.png": 1}


def test_more_inputs_than_are_kept(pictures: Path, calls: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With very many inputs the oldest is checked again, but not read again; one in use is kept."""
    monkeypatch.setattr(stylize_core.plan.input_scan, "KEPT", 2)
    names = [f"{pictures}/content-{number}.png" for number in range(4)]
    with InputScan(Fingerprints()) as sources:
        for name in (names[0], names[1], names[0], names[2], names[0], names[1]):
            assert sources.find([name])[name].uri == name
        assert list(sources.find(names)) == names or set(sources.find(names)) == set(names)
    assert calls["stat content-0.png"] == 1
    assert calls["stat content-1.png"] == 2
    assert max(count for call, count in calls.items() if call.startswith("read")) == 1


def test_faults_are_found_beside_sound_files(pictures: Path, tmp_path: Path) -> None:
    """A file that is missing or not an image does not affect the others; the next plan checks it again."""
    broken, missing, sound = tmp_path / "b.png", tmp_path / "m.png", pictures / "style-0.png"
    broken.write_bytes(b"no image")
    known = Fingerprints()
    with InputScan(known) as sources:
        found = sources.find([str(broken), str(missing), str(sound)])
    assert isinstance(found[str(broken)], ImageUnknown)
    assert isinstance(found[str(missing)], InputMissing)
    assert found[str(sound)] == Source(uri=str(sound), sha256=found[str(sound)].sha256, width=40, height=40)
    assert known.unsaved == 1


def test_it_stops(pictures: Path, calls: Counter[str]) -> None:
    """When a stop is requested, it checks no further inputs."""
    with pytest.raises(Stopped), InputScan(Fingerprints(), lambda: True) as sources:
        sources.find([f"{pictures}/content-0.png"])
    assert not any(call.startswith("read") for call in calls)
