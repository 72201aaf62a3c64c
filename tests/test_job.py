"""The id of a job depends on everything that determines its pixels, and nothing else; and URIs without secrets."""

import dataclasses
import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylize_core.job import Job, Source, job_id, public_uri
from stylize_core.presets import resolve
from stylize_core.settings import NEUTRAL, SETTING_FIELDS


def source(letter: str, uri: str = "a.png") -> Source:
    """A file whose digest is one letter, repeated 64 times."""
    return Source(uri=uri, sha256=64 * letter, width=30, height=20)


PLAIN: dict[str, Any] = {
    "content": source("c"),
    "styles": ((source("5"), 1.0),),
    "init": None,
    "settings": resolve("keras", {"seed": 3}).to_json(),
    "weights_sha256": 64 * "e",
    "precision": "float32",
}


def id_of(**changes: object) -> str:
    """The id of the plain job with some changes."""
    return job_id(**{**PLAIN, **changes})


def test_an_id_is_24_hex_digits() -> None:
    """An id is a valid file name everywhere."""
    assert re.fullmatch(r"[0-9a-f]{24}", id_of())


def test_the_id_depends_on_contents_alone() -> None:
    """The same bytes with another place, name or recorded shape are the same job."""
    moved = dataclasses.replace(source("c", "s3://bucket/b.jpg"), width=1, height=1)
    assert id_of(content=moved, styles=((source("5", "/elsewhere.png"), 1.0),)) == id_of()


@pytest.mark.parametrize(
    "change",
    [
        {"content": source("d")},
        {"styles": ((source("6"), 1.0),)},
        {"styles": ((source("5"), 0.5),)},
        {"styles": ((source("5"), 1.0), (source("6"), 1.0))},
        {"init": source("a")},
        {"weights_sha256": 64 * "f"},
        {"precision": "bfloat16"},
        {"content": source("5"), "styles": ((source("c"), 1.0),)},
    ],
    ids=["content", "style", "style's weight", "second style", "init", "weights", "precision", "roles"],
)
def test_the_id_depends_on_every_input(change: dict[str, object]) -> None:
    """Other bytes, another style weight, other network weights or another precision are another job."""
    assert id_of(**change) != id_of()


@pytest.mark.parametrize("setting", [spec.name for spec in SETTING_FIELDS])
def test_the_id_depends_on_every_setting(setting: str) -> None:
    """Each setting, changed alone, gives another id."""
    others: dict[str, object] = {
        "size": 64,
        "style_size": 64,
        "content_layers": "conv2_2",
        "style_layers": "conv1_1=0.5",
        "form": "mean",
        "style_loss": "covariance",
        "scales": 2,
        "colour": "match",
        "fit": "crop",
        "style_fit": "stretch",
        "pooling": "average",
        "start": "noise",
        "optimiser": "lbfgs",
        "keep": "best",
        "format": "webp",
        "alpha": "keep",
        "quality": 3,
        "noise": 0.25,
    }
    given = {"style_size": 512, "seed": 3} | {setting: others.get(setting, 7)}
    changed, plain = resolve("keras", given), resolve("keras", {"style_size": 512, "seed": 3})
    assert id_of(settings=changed.to_json()) != id_of(settings=plain.to_json())


def test_ids_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stores keep ids forever, so this one may change only with `NUMERICS_VERSION` or a new setting.

    The reference is computed here from the definition, with the current settings except neutral ones.
    """
    monkeypatch.setattr("stylize_core.job.NUMERICS_VERSION", 1)
    settings = {name: value for name, value in resolve("keras", {"seed": 3}).to_dict().items() if name not in NEUTRAL}
    identity = {
        "content": 64 * "c",
        "init": None,
        "numerics_version": 1,
        "precision": "float32",
        "settings": settings,
        "styles": [[64 * "5", 1.0]],
        "weights": 64 * "e",
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    assert id_of() == hashlib.sha256(text.encode()).hexdigest()[:24]
    monkeypatch.setattr("stylize_core.job.NUMERICS_VERSION", 2)
    assert id_of() != hashlib.sha256(text.encode()).hexdigest()[:24]


@pytest.mark.parametrize(
    ("preset", "given", "init", "precision", "expected"),
    [
        ("default-1", {}, None, "float32", "a246f42ddaaf448b51b7d70a"),
        ("fast-1", {}, None, "float32", "b735608cd3f10fa3e4442f2f"),
        ("gatys2016", {}, None, "float32", "faf1d88fd38916c9762aa03d"),
        ("adam2000", {}, None, "float32", "241967d4c9a13744f5550186"),
        ("keras", {}, None, "float32", "c2e607189917e60e5dac7a25"),
        ("fast-1", {"start": "image", "seed": 2**63 - 1}, "a", "bfloat16", "b823b47358e455838a796c1a"),
        (
            "tv",
            {"style_layers": "conv1_1=0.1 conv2_1=1e-07", "content_weight": -0.0, "tv_weight": 1e22},
            None,
            "float32",
            "2675afdeb7b5044e6890a802",
        ),
    ],
)
def test_ids_of_a_known_version(
    preset: str,
    given: dict[str, object],
    init: str | None,
    precision: str,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Stores have these ids of numerics 2; with another text they would compute every job again."""
    monkeypatch.setattr("stylize_core.job.NUMERICS_VERSION", 2)
    found = id_of(settings=resolve(preset, given).to_json(), init=source(init) if init else None, precision=precision)
    assert found == expected


def test_digests_name_every_input() -> None:
    """Results record the digest of each input under its role."""
    job = Job(
        job_id="0" * 24,
        content=source("c"),
        styles=((source("5"), 1.0),),
        init=source("a"),
        settings=resolve("keras", {"seed": 3}),
        height=20,
        width=30,
    )
    assert job.digests == {"content": 64 * "c", "styles": [[64 * "5", 1.0]], "init": 64 * "a"}
    assert dataclasses.replace(job, init=None).digests["init"] is None
    for one in (job, dataclasses.replace(job, init=None)):
        assert json.loads(one.digests_json("w")) == {**one.digests, "weights": "w"}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/data/a b@c?d.png", "/data/a b@c?d.png"),
        ("s3://bucket/a.png", "s3://bucket/a.png"),
        ("s3://key:secret@bucket/a.png", "s3://bucket/a.png"),
        ("s3://key:sec/ret+x@bucket/a.png", "s3://bucket/a.png"),
        ("s3://key@bucket/a.png", "s3://bucket/a.png"),
        ("https://h.org/a.png?X-Amz-Signature=abc", "https://h.org/a.png?…"),
        ("https://user:pw@h.org:8080/a.png?token=x", "https://h.org:8080/a.png?…"),
        ("https://h.org/a.png?", "https://h.org/a.png"),
        ("https://h.org/a.png?…", "https://h.org/a.png?…"),
        ("https://h.org/a.png#token=x", "https://h.org/a.png"),
        ("https://h.org:8080/~me@home/a.png", "https://h.org:8080/~me@home/a.png"),
        ("https://h.org/me@home/a.png", "https://h.org/me@home/a.png"),
        ("https://token@h.org/a@2x.png", "https://h.org/a@2x.png"),
        ("http://user:a@b@h.org/a.png", "http://h.org/a.png"),
        ("s3://KEY:123/SECRET@bucket/a.png", "s3://bucket/a.png"),
        ("--store=s3://KEY:1/2@bucket/out", "--store=s3://bucket/out"),
        ("s3://arn:aws:s3:us-east-1:12:accesspoint/mine/a.png", "s3://arn:aws:s3:us-east-1:12:accesspoint/mine/a.png"),
        ("zip://in/a.png::http://user:pw@h.org/a.zip?x", "zip://in/a.png::http://h.org/a.zip?…"),
        ("simplecache::s3://key:secret@bucket/a.png", "simplecache::s3://bucket/a.png"),
        ("zip://a.png::/data/my@home/a.zip", "zip://a.png::/data/my@home/a.zip"),
        ("http://[::1]:80/a@b.png", "http://[::1]:80/a@b.png"),
        ("file:///data/a@b.png", "file:///data/a@b.png"),
        # Ambiguous cases:
        ("http://minio:9000/me@home/a.png", "http://…@home/a.png"),
        ("http://minio:9000/a.png?mail=me@home", "http://…"),
        ("https://user:pw@h.org/a@2x.png", "https://…@2x.png"),
        ("s3://KEY:a@b/c@bucket/a.png", "s3://…@bucket/a.png"),
        ("s3://KEY:SECRET", "s3://…"),
        ("http://user:a?b@h.org/a.png", "http://…"),
        ("http://user:a::b@h.org/a.png", "http://…"),
    ],
)
def test_public_uris_by_hand(uri: str, expected: str) -> None:
    """User, password, query and fragment are left out; a plain path, a port and an @ in a path stay.

    Any possible password is hidden. The public form of a public form is the same.
    """
    assert public_uri(uri) == expected
    assert public_uri(expected) == expected


@given(
    user=st.from_regex(r"[a-z]{1,8}", fullmatch=True),
    password=st.from_regex(r"[A-Za-z+/]{1,4}SECRET[A-Za-z0-9+/]{0,8}", fullmatch=True),
    path=st.from_regex(r"[a-z0-9._-]{1,20}", fullmatch=True),
)
def test_a_password_goes_and_the_rest_stays(user: str, password: str, path: str) -> None:
    """For a password of any letters, digits, plus signs and slashes, exactly it and the query are removed."""
    found = public_uri(f"s3://{user}:{password}@bucket/{path}?sig=SECRET")
    assert found == f"s3://bucket/{path}?…"


SECRET = "xK1yQ"
PIECES = [SECRET, "/", "@", ":", "::", "?", "#", "12", "+", "%2F", "=", "&", "[", "]", "//", "."]


def secrets_of(pieces: list[str]) -> st.SearchStrategy[str]:
    """Texts of pieces that include the secret."""
    made = st.lists(st.sampled_from(pieces), max_size=5)
    return st.builds(lambda before, after: "".join([*before, SECRET, *after]), made, made)


CREDENTIALS = st.one_of(
    st.builds("{}:{}@".format, st.sampled_from(["user", "AKIA12", SECRET]), secrets_of(PIECES)),
    st.builds("{}@".format, secrets_of([SECRET, "+", "%2F", "=", "&", "12"])),  # a token
    st.just(""),
)
LINKS = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(["s3", "gs", "http", "https", "ftp", "memory", "abfs", "webhdfs"]),
    CREDENTIALS,
    st.sampled_from(["bucket", "h.example.org", "h.example.org:8080", "localhost:80"]),
    st.sampled_from(["", "/a.png", "/b/a@2x.png", "/b/a:c.png"]),
    st.sampled_from(["", f"?sig={SECRET}", f"?{SECRET}&mail=me@home", f"?a#b?{SECRET}"]),
    st.sampled_from(["", f"#{SECRET}", f"#t={SECRET}@x"]),
)
PREFIXES = st.sampled_from(["", "zip://in/a.png::", "simplecache::", "zip://a@b.png::filecache::", "--store="])


@settings(max_examples=2000)
@given(prefix=PREFIXES, link=LINKS)
def test_no_secret_is_public(prefix: str, link: str) -> None:
    """For any URL, no part of a password, a token, a query or a fragment is in its public form."""
    public = public_uri(prefix + link)
    assert SECRET not in public
    assert public_uri(public) == public
