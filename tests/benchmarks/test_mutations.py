"""The program that breaks rules: its list fits the code, and it finds out which broken rules the tests notice."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import mutations
from benchmarks.mutations import Mutant, read_mutants

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", read_mutants(), ids=lambda mutant: mutant.name)
def test_each_rule_stands_in_the_code(mutant: Mutant) -> None:
    """The text to replace is in its file once, its replacement differs, and its tests exist."""
    source = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.applied(source) != source
    for test in mutant.tests:
        path, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A broken rule is noticed; an equivalent change survives, and the exit code is 1."""
    (broken,) = (mutant for mutant in read_mutants() if mutant.name == "a job's id depends on a path")
    harmless = replace(broken, name="harmless", text="[:24]", by="[0:24]")
    monkeypatch.setattr(mutations, "read_mutants", lambda: [broken, harmless])
    with pytest.raises(SystemExit) as ended:
        mutations.main(["--jobs", "1"])
    assert ended.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["noticed", "survived"]
    assert lines[-1] == "1 of 2 broken rules are noticed"
