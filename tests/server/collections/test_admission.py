"""Who asks is known by a token, a login, or the name that a trusted proxy sends; whoever is not known gets nothing."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from rag.core.errors import InvalidSettings
from rag.core.settings import Options
from rag.server.api.request_queue import RequestQueue
from rag.server.collections.serving import build_site
from rag.server.limits.headers import SecurityHeaders
from rag.server.rights.rights_file import Rights
from rag.server.rights.trusted_proxy import ProxyUser, trusted_addresses
from tests.server.collections.conftest import NO_VISIT, VISIT, Site, client_of

HEADER, PROXY = "X-Forwarded-User", "10.0.0.2"


@pytest.fixture
def rights(tmp_path: Path) -> Rights:
    return Rights(tmp_path / "rights.json")


@pytest.fixture
def served(site: Site, rights: Rights) -> Any:
    """Return what makes a client of a server of the same collections with other options and rights."""

    def client(address: str = "127.0.0.1", **options: Any) -> TestClient:
        made = Options(**options)
        app: Any = SecurityHeaders(build_site(site.collections, made, rights, RequestQueue(made.rate_limit)))
        if made.trust_proxy_user:
            app = ProxyUser(app, made.trust_proxy_user, trusted_addresses(made))
        return client_of(app, address)

    return client


def names(client: TestClient, **headers: str) -> list[str]:
    answer = client.get("/v1/collections", headers={key.replace("_", "-"): value for key, value in headers.items()})
    return [entry["name"] for entry in answer.json()["collections"]] if answer.status_code == 200 else ["refused"]


def log_in(client: TestClient, name: str, password: str, **fields: str) -> Any:
    return client.post("/login", data={"name": name, "password": password, **fields})


def test_nobody_needs_anything_on_the_machine_itself_until_somebody_has_rights(served: Any, rights: Rights) -> None:
    client = served()
    assert names(client) == ["handbook", "contracts"]
    assert names(client, X_Forwarded_For="10.1.1.1") == ["refused"], "a proxy that nobody named"
    assert names(served(address="10.0.0.9")) == ["refused"]
    assert names(served(host="0.0.0.0")) == ["refused"]
    assert names(served(auth=("ann", "secret"))) == ["refused"]
    rights.add_token("wiki", {"handbook": "read"})
    assert names(client) == ["refused"]


def test_rights_that_are_gone_or_damaged_let_nobody_in(served: Any, rights: Rights, tmp_path: Path) -> None:
    secret = rights.add_token("wiki", {"handbook": "read"})
    client = served()
    assert names(client, Authorization=f"Bearer {secret}") == ["handbook"]
    (tmp_path / "rights.json").rename(tmp_path / "elsewhere.json")
    for headers in ({}, {"authorization": f"Bearer {secret}"}):
        answer = client.get("/v1/collections", headers=headers)
        assert answer.status_code == 503 and str(tmp_path) not in answer.text
    (tmp_path / "rights.json").write_text("{}")
    assert client.get("/v1/collections").status_code == 503


def test_a_login_shows_the_collections_of_its_user_until_it_ends(served: Any, rights: Rights) -> None:
    rights.add_user("ann", {"handbook": "write"}, "sesame")
    client = served(host="0.0.0.0")
    answer = client.get("/c/handbook/?q=a b", headers=VISIT)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fc%2Fhandbook%2F%3Fq%3Da%2520b")
    assert client.get("/c/handbook/", headers=NO_VISIT).status_code == 401
    wrong = log_in(client, "ann", "Sesame")
    assert wrong.status_code == 401 and "set-cookie" not in wrong.headers and 'role="alert"' in wrong.text
    right = log_in(client, "ann", "sesame", next="/c/handbook/?q=a")
    assert (right.status_code, right.headers["location"]) == (303, "/c/handbook/?q=a")
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and names(client) == ["handbook"]
    assert client.get("/c/contracts/", headers=VISIT).status_code == 404
    assert client.post("/logout").headers["location"] == "/login" and names(client) == ["refused"]
    assert names(client, Cookie=cookie.partition(";")[0]) == ["refused"], "the session is over, not only the cookie"


def test_a_new_password_or_a_removed_user_ends_the_session(served: Any, rights: Rights) -> None:
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    client = served(host="0.0.0.0")
    log_in(client, "ann", "sesame")
    assert names(client) == ["handbook"]
    rights.remove("user", "ann")
    assert names(client) == ["refused"]
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    assert names(client) == ["refused"], "the same password, set anew"


def test_the_login_of_the_option_may_do_everything(served: Any) -> None:
    client = served(host="0.0.0.0", auth=("boss", "secret"))
    assert log_in(client, "boss", "Secret").status_code == 401
    assert log_in(client, "boss", "secret").status_code == 303
    assert names(client) == ["handbook", "contracts"]


def test_a_user_without_a_password_cannot_log_in(served: Any, rights: Rights) -> None:
    rights.add_user("ann", {"handbook": "read"}, None)
    client = served(host="0.0.0.0")
    assert [log_in(client, "ann", guess).status_code for guess in ("", "x")] == [401, 401]
    assert client.get("/", headers=VISIT).status_code == 401, "nobody can log in, so nobody is sent to the form"


@pytest.mark.parametrize(
    "address", ["//evil.example/", "/\\evil.example", "https://evil.example/", "javascript:1", "/a\nb"]
)
def test_a_login_leads_nowhere_else(served: Any, rights: Rights, address: str) -> None:
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    client = served(host="0.0.0.0")
    assert log_in(client, "ann", "sesame", next=address).headers["location"] == "/"
    assert "evil" not in client.get("/login", params={"next": address}).text


def test_passwords_are_not_guessed(served: Any, rights: Rights, monkeypatch: pytest.MonkeyPatch) -> None:
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    client = served(host="0.0.0.0")
    statuses = [log_in(client, "ann", f"guess {number}").status_code for number in range(12)]
    assert statuses[:10] == [401] * 10 and 429 in statuses[10:]
    assert log_in(client, "ann", "sesame").status_code == 429, "a right one is not told from a wrong one any more"


def test_a_page_elsewhere_logs_nobody_in(served: Any, rights: Rights) -> None:
    rights.add_user("ann", {"handbook": "read"}, "sesame")
    answer = served(host="0.0.0.0").post(
        "/login", data={"name": "ann", "password": "sesame"}, headers={"origin": "https://evil.example"}
    )
    assert answer.status_code == 403


def test_only_the_trusted_proxy_names_users(served: Any, rights: Rights) -> None:
    rights.add_user("ann@example.org", {"contracts": "read"}, None)
    options = {"host": "0.0.0.0", "proxy": PROXY, "trust_proxy_user": HEADER}
    proxy = served(address=PROXY, **options)
    assert names(proxy, X_Forwarded_User="ann@example.org") == ["contracts"]
    assert names(proxy, X_Forwarded_User="Ann@example.org") == [], "another name, without rights"
    assert names(proxy, X_Forwarded_User="*") == [] and names(proxy, X_Forwarded_User="") == ["refused"]
    assert names(proxy) == ["refused"]
    twice = proxy.get("/v1/collections", headers=[(HEADER, "ann@example.org"), (HEADER.lower(), "ann@example.org")])
    assert twice.status_code == 401
    # A token of the provider that the proxy passes on is none of this server's.
    assert names(proxy, X_Forwarded_User="ann@example.org", Authorization="Bearer ey.x.y") == ["contracts"]
    for address in ("10.0.0.3", "127.0.0.1", "::1", "testclient"):
        other = served(address=address, **options)
        assert names(other, X_Forwarded_User="ann@example.org") == ["refused"], address
    local = served(address="127.0.0.1", proxy="127.0.0.1", trust_proxy_user=HEADER)
    assert names(local) == ["refused"], "behind a proxy, this machine is not one visitor"
    # A page elsewhere that points its own name at this machine could send the header from the address of the proxy.
    rebound = {"host": "evil.example", HEADER: "ann@example.org"}
    assert local.get("/v1/collections", headers=rebound).status_code == 400
    named = served(address="127.0.0.1", proxy="127.0.0.1", trust_proxy_user=HEADER, public_host="docs.example.org")
    assert named.get("/v1/collections", headers=rebound).status_code == 400
    assert names(named, Host="docs.example.org", X_Forwarded_User="ann@example.org") == ["contracts"]


@pytest.mark.parametrize(
    ("proxy", "header"),
    [("", HEADER), ("*", HEADER), ("0.0.0.0/0", HEADER), ("10.0.0.2, ::/0", HEADER), (PROXY, "a b"), ("host", HEADER)],
)
def test_a_proxy_that_is_anybody_is_refused(proxy: str, header: str) -> None:
    with pytest.raises(InvalidSettings):
        trusted_addresses(Options(proxy=proxy, trust_proxy_user=header))


def test_a_proxy_is_known_by_its_network_and_in_both_forms_of_its_address() -> None:
    trusted = trusted_addresses(Options(proxy="10.0.0.0/30, fd00::7", trust_proxy_user=HEADER))
    addresses = ("10.0.0.2", "::ffff:10.0.0.2", "fd00::7", "10.0.0.4", "", "unix")
    assert [trusted(address) for address in addresses] == [True, True, True, False, False, False]


def test_a_host_name_of_others_is_refused_on_this_machine(served: Any) -> None:
    assert served().get("/v1/collections", headers={"host": "evil.example"}).status_code == 400
