import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylize_core.manifest.paths import absolute, folder_of, is_url, relative


@pytest.mark.parametrize("path", ["s3://b/a.png", "https://h/a", "memory://a", "simplecache::s3://b/a", "file:///a"])
def test_urls(path: str) -> None:
    """A scheme makes a URL, and a URL stays as it is."""
    assert is_url(path)
    assert absolute(path, "/data") == path


@pytest.mark.parametrize("uri", ["/dev/stdin", "/dev/fd/63", "/proc/self/fd/0"])
def test_a_manifest_through_a_pipe_is_as_if_it_lay_here(uri: str) -> None:
    """A pipe has no folder for pictures."""
    assert folder_of(uri) == os.getcwd()


@pytest.mark.parametrize("path", ["C:\\a.png", "~/a.png", "a:b.png", "$HOME/a", "a\\b"])
def test_names_without_a_meaning(path: str) -> None:
    """Characters with a meaning elsewhere are part of a plain relative name."""
    assert absolute(path, "/data") == f"/data/{path}"


@pytest.mark.parametrize(
    ("uri", "path", "whole"),
    [
        ("/data/m.csv", "a.png", "/data/a.png"),
        ("/data/m.csv", "./x/../a.png", "/data/a.png"),
        ("/data/m.csv", "../a.png", "/a.png"),
        ("/data/m.csv", "/img/../a.png", "/img/../a.png"),
        ("/m.csv", "a.png", "/a.png"),
        ("s3://b/m.csv", "a.png", "s3://b/a.png"),
        ("s3://b/x/m.csv", "../i/a.png", "s3://b/i/a.png"),
        ("s3://b/m.csv", "/a.png", "/a.png"),
        ("memory://m.csv", "a.png", "memory://a.png"),
        ("file:///d/m.csv", "a.png", "/d/a.png"),
        ("file:///my%20d/m.csv", "50%20.png", "/my d/50%20.png"),
        ("/d/m.csv", "file:///a.png", "file:///a.png"),
        ("/d/m.csv", "file:/a.png", "file:/a.png"),
        ("https://h/d/m.csv?sig=a/b", "a.png", "https://h/d/a.png"),
        ("simplecache::s3://b/d/m.csv", "a.png", "simplecache::s3://b/d/a.png"),
    ],
)
def test_relative_to_the_manifest(uri: str, path: str, whole: str) -> None:
    """Relative paths start at the manifest's folder, local or remote."""
    assert absolute(path, folder_of(uri)) == whole


def test_a_local_manifest_is_found_from_the_working_folder() -> None:
    """A relative manifest path starts at the current folder."""
    assert folder_of("m.csv") == os.getcwd()
    assert folder_of("x/m.csv") == os.path.join(os.getcwd(), "x")


@pytest.mark.parametrize(
    ("path", "folder", "name"),
    [
        ("/d/m/a.png", "/d/m", "a.png"),
        ("/d/m/x/a.png", "/d/m", "x/a.png"),
        ("/d/a.png", "/d/m/n", "../../a.png"),
        ("/d/a.png", "/d/m/n/o", "/d/a.png"),
        ("s3://b/d/a.png", "s3://b/d", "a.png"),
        ("s3://b/e/a.png", "s3://b/d", "s3://b/e/a.png"),
        ("s3://b/d/a.png", "/d", "s3://b/d/a.png"),
        ("/d/a.png", "s3://b/d", "/d/a.png"),
        ("/d/s3::a.png", "/d", "/d/s3::a.png"),
        ("s3://b/d//a.png", "s3://b/d", "s3://b/d//a.png"),
    ],
)
def test_written_near_the_manifest(path: str, folder: str, name: str) -> None:
    """A path is relative if it is below the folder or at most two steps away, else absolute."""
    assert relative(path, folder) == name


_NAMES = st.text(string.ascii_letters + " .:/=é", min_size=1, max_size=20)


@given(_NAMES, st.sampled_from(["/d", "/d/e/f/g", "s3://b/d"]), st.sampled_from(["", "/", "/d/e/", "s3://b/d/"]))
def test_relative_is_undone_by_absolute(name: str, folder: str, start: str) -> None:
    """A path written relative to a folder is read as the same file there."""
    path = start + name
    whole = path if is_url(path) else os.path.abspath(path)
    assert absolute(relative(path, folder), folder) == whole
