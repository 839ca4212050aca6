"""TLS of its own: a real server socket, clients that believe its authority, and a renewal."""

import http.server
import socket
import ssl
import threading

import pytest
from authority import Authority

from launcher.errors import SpecError, UnreachableError
from launcher.server.certificate import SETTLES_S, Certificate
from launcher.transport import Connection
from launcher.trust import VARIABLE, own_ca


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def serving(authority):
    """(URL, certificate, its context) of a server that answers every GET."""
    certificate = Certificate(*authority.issue("first"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that hangs up
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}", certificate, context
    server.shutdown()
    thread.join()
    server.server_close()


class _Answers(http.server.BaseHTTPRequestHandler):
    timeout = 5
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def name_seen(url, authority):
    """Whose certificate a new connection gets."""
    connection = Connection(url, ca=authority.file.read_text())
    try:
        connection.request("GET", "/")
        return dict(one[0] for one in connection._kept.sock.getpeercert()["subject"])["commonName"]
    finally:
        connection.close()


def test_a_client_that_believes_the_authority_comes_through(serving, authority, monkeypatch):
    url, *_ = serving
    assert name_seen(url, authority) == "first"
    for named in (str(authority.file), authority.file.read_text()):
        monkeypatch.setenv(VARIABLE, named)
        connection = Connection(url)
        assert connection.request("GET", "/").status == 200
        connection.close()


def test_a_client_that_does_not_is_told_what_to_do(serving, monkeypatch):
    url, *_ = serving
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(UnreachableError) as refused:
        Connection(url).request("GET", "/")
    assert "its certificate is not believed" in refused.value.message
    assert "LAUNCHER_CA=FILE" in refused.value.message


def test_a_renewed_certificate_is_given_to_new_connections(serving, authority):
    url, certificate, context = serving
    assert not certificate.look(context)
    authority.issue("second")
    assert certificate.look(context)
    assert name_seen(url, authority) == "second"
    assert not certificate.look(context)


def test_a_half_renewed_certificate_leaves_the_old_one(serving, authority, caplog):
    url, certificate, context = serving
    key = certificate.key.read_bytes()
    authority.issue("second")
    certificate.key.write_bytes(key)  # the new one is on its way
    assert not certificate.look(context)
    assert "the renewed certificate is not used" in caplog.text
    assert name_seen(url, authority) == "first"


def shakes_hands(url, context):
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        try:
            context.wrap_socket(line, server_hostname="10.0.0.5").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_servers_know_each_other_by_their_certificate_and_believe_nobody_elses(serving, authority):
    url, certificate, context = serving
    with certificate.cert.open("a") as file:
        file.write(authority.file.read_text())  # as that of whoever signed it stands in many
    peers = Certificate(certificate.cert, certificate.key).peers()
    assert shakes_hands(url, peers)
    context.load_cert_chain(*authority.issue("somebody else's, of the same authority"))
    assert not shakes_hands(url, peers)


def test_a_renewed_certificate_is_believed_by_all_before_any_shows_it(serving, authority):
    url, _, context = serving
    now = [0.0]
    certificate = Certificate(*authority.issue("first"), clock=lambda: now[0])
    context.load_cert_chain(certificate.cert, certificate.key)
    peers = certificate.peers()
    authority.issue("second")
    assert not certificate.look(context)
    now[0] += SETTLES_S - 1
    assert not certificate.look(context)
    assert (name_seen(url, authority), shakes_hands(url, peers)) == ("first", True)
    now[0] += 1
    assert certificate.look(context)
    assert (name_seen(url, authority), shakes_hands(url, peers)) == ("second", True)


def test_a_key_of_another_certificate_is_refused_at_the_start(authority):
    cert, key = authority.issue()
    other = key.read_bytes()
    authority.issue()
    key.write_bytes(other)
    with pytest.raises(SpecError, match="the key is not of this certificate"):
        Certificate(cert, key)


def test_a_file_that_holds_no_certificate_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "ca.pem"
    file.write_text("hello")
    monkeypatch.setenv(VARIABLE, str(file))
    with pytest.raises(SpecError, match="holds no certificate"):
        own_ca()
