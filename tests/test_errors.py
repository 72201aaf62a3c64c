"""The tree of errors: three parts, stable codes, and safe pickling."""

import pickle
import re

import pytest

from stylize_core import errors
from stylize_core.errors import (
    ImageTruncated,
    InputError,
    InputMissing,
    StoreError,
    StoreFull,
    StylizeError,
)

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StylizeError)]

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


def test_a_message_has_three_parts() -> None:
    """What, where and what to do are fields, and are in the message in that order."""
    error = StylizeError("the sky fell", where="row 3", todo="hold it up")
    assert (error.what, error.where, error.todo) == ("the sky fell", "row 3", "hold it up")
    assert str(error) == "the sky fell · row 3 · hold it up"


def test_empty_parts_leave_no_trace() -> None:
    """A missing part is left out of the message."""
    assert str(StylizeError("the sky fell")) == "the sky fell"
    assert str(StylizeError("the sky fell", todo="hold it up")) == "the sky fell · hold it up"


def test_a_class_gives_its_own_advice() -> None:
    """Without its own `todo` an error has its class's; a given one wins."""
    assert InputMissing("no file").todo == InputMissing.advice != ""
    assert InputMissing("no file", todo="look again").todo == "look again"


@EACH_KIND
def test_errors_survive_a_process_border(kind: type[StylizeError]) -> None:
    """An unpickled error has the same class and parts."""
    error = kind("what", where="where", todo="todo")
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is kind
    assert (found.what, found.where, found.todo, str(found)) == ("what", "where", "todo", str(error))


@EACH_KIND
def test_codes_are_words(kind: type[StylizeError]) -> None:
    """A code is a word of lower-case letters and underscores that results can keep forever."""
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", kind.code)


def test_codes_name_one_class() -> None:
    """No two classes share a code."""
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_the_drawn_tree_names_every_class() -> None:
    """The tree at the top of the module names each class once."""
    tree = re.sub(r"(  [a-z].*)$", "", str(errors.__doc__).split("\n\n")[1], flags=re.MULTILINE)
    assert sorted(re.findall(r"[A-Z]\w+", tree)) == sorted(kind.__name__ for kind in KINDS)


def test_retryable_is_what_may_pass_by_itself() -> None:
    """Only errors of reading, writing, changed inputs, time, device and worker are retryable; a bad file never is."""
    retryable = {kind.__name__ for kind in KINDS if kind.retryable}
    assert retryable == {
        "InputUnreadable",
        "InputChanged",
        "StoreUnusable",
        "OutputRefused",
        "StoreFull",
        "JobTimeout",
        "DeviceLost",
        "WorkerLost",
    }


@pytest.mark.parametrize(("kind", "base"), [(ImageTruncated, InputError), (StoreFull, StoreError)])
def test_families_can_be_caught_together(kind: type[StylizeError], base: type[StylizeError]) -> None:
    """An error of a family is caught by the family's name."""
    with pytest.raises(base):
        raise kind("what")
