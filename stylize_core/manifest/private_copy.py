"""A private copy of a manifest, so that nobody can change it while it is read."""

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO

from stylize_core.errors import InputError, InputIsFolder, InputMissing, InputTooLarge, ManifestError
from stylize_core.files.inputs import open_input, stat_input
from stylize_core.job import public_uri
from stylize_core.spool import temp_write_errors


@contextmanager
def manifest_file(uri: str) -> Iterator[BinaryIO]:
    """Yields a private copy of a manifest, so that nobody can change it while it is read; deleted after the block.

    The manifest may be a pipe such as `/dev/stdin`, which can be read only once.

    Raises:
        ManifestError: there is no such file, or it cannot be read.
        UsageError: there is no space for temporary files.
    """
    with temp_write_errors():
        copy = TemporaryFile()  # noqa: SIM115  # only creating it may fail for lack of space
    with copy as file:
        try:
            with open_input(uri, is_pipe_allowed=True) as data, temp_write_errors():
                file.write(data)
        except InputTooLarge as error:
            todo = "write it as Parquet, or in several parts"
            raise ManifestError(error.what.replace("file", "manifest"), where=public_uri(uri), todo=todo) from error
        except InputError as error:
            raise _unreadable(uri, error) from error
        yield file


def check_is_there(uri: str) -> None:
    """Checks that a manifest on this machine's disks exists, without reading it; neither pipes nor servers are asked.

    Raises:
        ManifestError: there is no such file, or it is a folder.
    """
    if "://" in uri:
        return
    try:
        stat_input(uri)
    except (InputMissing, InputIsFolder) as error:
        raise _unreadable(uri, error) from error
    except InputError:
        pass  # reading it tells more


def _unreadable(uri: str, error: InputError) -> ManifestError:
    what = f"the manifest cannot be read: {error.what}"
    return ManifestError(what, where=public_uri(uri), todo="name a CSV or Parquet file that you can read")
