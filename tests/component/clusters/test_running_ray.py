import contextlib
import socket
import threading

import pytest

from launcher.clusters import _probe, ray
from launcher.clusters.base import RayAddress
from launcher.clusters.ray import RunningRay
from launcher.errors import SpecError, UnreachableError

SETTINGS = b"\0\0\6\4\0\0\0\0\0\0\4\0\0\1\0"


@contextlib.contextmanager
def server(*answer):
    """A server that sends the chunks to each client; with none it only accepts."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listening.accept()
                with client:
                    client.recv(1024)
                    for chunk in answer:
                        client.sendall(chunk)
                    if not answer:
                        client.recv(1024)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def test_a_grpc_server_answers():
    with server(SETTINGS[:2], SETTINGS[2:]) as port:
        assert _probe.answers("127.0.0.1", port, timeout_s=10)


def test_another_kind_of_server_is_not_taken_for_ray():
    with server(b"HTTP/1.1 400 Bad Request\r\n") as port:
        assert not _probe.answers("127.0.0.1", port, timeout_s=10)


def test_a_server_that_hangs_up_does_not_answer():
    with server(b"") as port:
        assert not _probe.answers("127.0.0.1", port, timeout_s=10)


def test_a_hanging_server_accepts_and_does_not_answer():
    with server() as port:
        assert _probe.accepts("127.0.0.1", port, timeout_s=10)
        assert not _probe.answers("127.0.0.1", port, timeout_s=0.05)


def test_a_running_cluster_is_reached_with_what_its_driver_needs():
    with server(SETTINGS) as port:
        cluster = RunningRay(f"127.0.0.1:{port}", {"RAY_AUTH_MODE": "token"})
        expected = RayAddress(f"127.0.0.1:{port}", {"RAY_AUTH_MODE": "token"})
        assert cluster.running() == cluster.ensure() == expected
        cluster.stop()
        assert cluster.running() == expected


def test_behind_tls_an_open_port_must_do():
    with server(b"") as port:
        assert RunningRay(f"127.0.0.1:{port}").running() is None
        assert RunningRay(f"127.0.0.1:{port}", {"RAY_USE_TLS": "1"}).running() is not None


def test_an_absent_cluster_is_told_with_the_next_step():
    with server() as port:
        pass
    with pytest.raises(UnreachableError) as refused:
        RunningRay(f"127.0.0.1:{port}").ensure()
    assert refused.value.message == f"no Ray cluster answers at 127.0.0.1:{port}"


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":6379", "host:port", "h:0", "h:65536", "::1:6379"]
)
def test_an_address_of_another_form_is_refused(address):
    with pytest.raises(SpecError) as refused:
        RunningRay(address)
    assert refused.value.message.startswith(f"cluster address '{address}': ")


def test_an_ipv6_host_stands_in_brackets():
    assert _probe.split_address("[::ffff:127.0.0.1]:4711") == ("::ffff:127.0.0.1", 4711)


def test_auto_is_the_cluster_that_this_process_runs_on(monkeypatch):
    with server(SETTINGS) as port:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
        assert RunningRay("auto").ensure() == RayAddress(f"127.0.0.1:{port}", {})


def test_auto_is_else_the_cluster_that_was_started_here_last(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "_OF_THIS_MACHINE", tmp_path / "address")
    with pytest.raises(SpecError, match="RAY_ADDRESS names none"):
        RunningRay("auto")
    with server(SETTINGS) as port:
        (tmp_path / "address").write_text(f"127.0.0.1:{port}")
        assert RunningRay("auto").ensure() == RayAddress(f"127.0.0.1:{port}", {})


def test_who_has_patience_waits_for_a_cluster_that_is_still_to_come(monkeypatch, tmp_path, caplog):
    """As the executor on Kubernetes, which is there before Ray: each try looks anew."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "_OF_THIS_MACHINE", tmp_path / "address")
    with server(SETTINGS) as there, server() as gone:
        tries = iter(["", f"127.0.0.1:{gone}", f"127.0.0.1:{there}"])

        def pause(_):
            (tmp_path / "address").write_text(next(tries))

        monkeypatch.setattr(ray.time, "sleep", pause)
        cluster = RunningRay("auto", patience_s=ray.FOR_EVER_S)
        assert cluster.running() is None
        with caplog.at_level("INFO"):
            assert cluster.ensure() == RayAddress(f"127.0.0.1:{there}", {})
    [said] = caplog.messages
    assert said.startswith("waiting for Ray: no Ray cluster was found by itself")


def test_patience_ends(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "_OF_THIS_MACHINE", tmp_path / "address")
    monkeypatch.setattr(ray, "_POLL_S", 0.01)
    with pytest.raises(SpecError, match="RAY_ADDRESS names none"):
        RunningRay("auto", patience_s=0.05).ensure()


def test_patience_forgives_no_address_of_another_form():
    with pytest.raises(SpecError, match="cluster address 'head'"):
        RunningRay("head", patience_s=ray.FOR_EVER_S)
