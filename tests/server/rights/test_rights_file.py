import stat
from pathlib import Path

import pytest

from rag.core.errors import InvalidInput
from rag.server.rights.passwords import is_password, password_hash
from rag.server.rights.rights_file import Rights
from rag.server.rights.sessions import SESSION_SECONDS, Sessions


def test_rights_hold_no_secret_and_are_private(tmp_path: Path) -> None:
    file = tmp_path / "rights.json"
    secret = Rights(file).add_token("wiki", {"a": "read", "*": "write"})
    Rights(file).add_user("ann", {"a": "admin"}, "sesame")
    text = file.read_text()
    assert secret not in text and "sesame" not in text and stat.S_IMODE(file.stat().st_mode) == 0o600
    rights = Rights(file)
    holder, user = rights.token(secret), rights.user("ann")
    assert holder is not None and holder.name == "wiki" and holder.roles == {"a": "read", "*": "write"}
    assert user is not None and is_password("sesame", user.secret) and not is_password("", user.secret)
    assert rights.token(secret[:-1]) is None and rights.token(user.secret) is None and rights.user("wiki") is None


@pytest.mark.parametrize(
    ("name", "roles"),
    [("a b", {"a": "read"}), ("a", {}), ("a", {"a": "owner"}), ("a", {"../a": "read"}), ("a", {"": "read"})],
)
def test_what_is_no_right_is_refused(tmp_path: Path, name: str, roles: dict[str, str]) -> None:
    for add in (
        Rights(tmp_path / "r.json").add_token,
        lambda name, roles: Rights(tmp_path / "r.json").add_user(name, roles, "x"),
    ):
        with pytest.raises(InvalidInput):
            add(name, roles)
    assert not (tmp_path / "r.json").exists()


def test_a_name_is_given_once_to_each_kind(tmp_path: Path) -> None:
    rights = Rights(tmp_path / "rights.json")
    rights.add_token("ann", {"a": "read"})
    rights.add_user("ann", {"a": "read"}, None)
    with pytest.raises(InvalidInput, match="rag user remove ann"):
        rights.add_user("ann", {"b": "read"}, None)
    rights.remove("user", "ann")
    with pytest.raises(InvalidInput, match="no user 'ann'"):
        rights.remove("user", "ann")
    assert [holder.kind for holder in rights.holders()] == ["token"]


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"schema": "other", "holders": []}',
     '{"schema": "pincite-rights-1", "holders": [{"kind": "token", "name": "a", "secret": "", "roles": {"a": "read"},'
     ' "created_at": ""}]}',
     '{"schema": "pincite-rights-1", "holders": [{"kind": "user", "name": "a", "secret": "", "roles": {"a": "all"},'
     ' "created_at": ""}]}'],
    ids=range(5),
)  # fmt: skip
def test_a_file_that_cannot_be_read_holds_no_rights(tmp_path: Path, content: str) -> None:
    (tmp_path / "rights.json").write_text(content)
    with pytest.raises(InvalidInput, match="cannot be read"):
        Rights(tmp_path / "rights.json").holders()


def test_two_hashes_of_a_password_differ() -> None:
    assert password_hash("sesame") != password_hash("sesame")


def test_a_session_ends_by_itself() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    key = sessions.begin("ann", "hash")
    now[0] = SESSION_SECONDS - 1
    session = sessions.session(key)
    assert session is not None and session.user == "ann" and sessions.session(key + "x") is None
    now[0] = SESSION_SECONDS
    assert sessions.session(key) is None
