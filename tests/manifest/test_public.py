"""The copy of a manifest in a run: the same text without secrets."""

import io

import pandas as pd
import pytest

from stylize_core.manifest.public import public_copy

SIGNED = "s3://key:sec/ret@bucket/a,b.png?X-Amz-Signature=secret"


@pytest.mark.parametrize(
    "text",
    [
        'content , style\r\n"a, b.png",  s3://bucket/style.png\r\n\r\n',
        "\ufeffcontent,style,x_page\na.png,b.png,https://host/page?id=1\n",
        "content,style\na.png,b.png",
    ],
)
def test_a_manifest_without_credentials_stays_as_it_is(text: str) -> None:
    """Spaces, quotes, line ends, and queries in other columns are kept."""
    assert public_copy(text.encode(), "csv") == text.encode()


def test_credentials_in_a_csv_manifest_go() -> None:
    """User, password and query are removed from the cells of images, and from no others."""
    text = f'\ufeff\ncontent, style ,x_page,init\na.png,"{SIGNED}",https://host/page?id=1,{SIGNED.replace(",", "")}\n'
    assert public_copy(text.encode(), "csv").decode() == (
        'content,style ,x_page,init\na.png,"s3://bucket/a,b.png?…",https://host/page?id=1,s3://bucket/ab.png?…\n'
    )


def test_credentials_go_below_a_spreadsheet_s_line() -> None:
    """A line before the header does not hide which columns are images."""
    text = f"sep=,\ncontent,style\na.png,{SIGNED.replace(',', '')}\n"
    assert public_copy(text.encode(), "csv").decode() == "sep=,\ncontent,style\na.png,s3://bucket/ab.png?…\n"


def test_credentials_in_a_parquet_manifest_go() -> None:
    """The same in Parquet; a manifest without them is copied unchanged."""
    frame = pd.DataFrame({"content": ["a.png", "b.png"], "style": [SIGNED, None], "size": [32, 64]})
    found = pd.read_parquet(io.BytesIO(public_copy(frame.to_parquet(), "parquet")))
    assert found["style"][0] == "s3://bucket/a,b.png?…"
    assert found["style"].isna().tolist() == [False, True]
    assert found[["content", "size"]].equals(frame[["content", "size"]])
    plain = frame.assign(style="s3://bucket/style.png").to_parquet()
    assert public_copy(plain, "parquet") == plain
