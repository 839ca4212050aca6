"""Whether a server may listen where it shall."""

import pytest

from launcher.errors import SpecError
from launcher.server.exposure import Exposure

LAN, INTERNET, EVERYWHERE = "10.0.0.5", "8.8.8.8", "0.0.0.0"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_this_machine_alone_may_be_spoken_to_as_one_likes(host):
    assert Exposure(host, open_metrics=True).check() == ""


@pytest.mark.parametrize("host", [LAN, INTERNET, EVERYWHERE, "::", "launcher.example"])
def test_plain_http_to_others_is_refused_until_somebody_means_it(host):
    with pytest.raises(SpecError) as refused:
        Exposure(host).check()
    assert "--tls-cert" in refused.value.hint
    assert "plain http" in Exposure(host, is_insecure_meant=True).check()


@pytest.mark.parametrize("host", [LAN, INTERNET, EVERYWHERE])
def test_with_tls_here_or_in_front_nothing_is_to_be_said(host):
    assert Exposure(host, has_tls=True).check() == ""
    assert Exposure(host, public_url="https://launcher.example").check() == ""


def test_a_public_address_by_plain_http_is_meant_but_not_on_the_internet():
    named = "http://launcher.svc:8080"
    assert "plain http" in Exposure(EVERYWHERE, public_url=named).check()
    with pytest.raises(SpecError):
        Exposure(INTERNET, public_url=named).check()


def test_figures_of_all_projects_are_not_for_the_internet():
    with pytest.raises(SpecError, match="names and figures of all projects"):
        Exposure(INTERNET, has_tls=True, open_metrics=True).check()
    assert Exposure(LAN, has_tls=True, open_metrics=True).check() == ""
