"""What the user should mend is told wherever he looks at a job."""

from launcher.cli.live import summary
from launcher.client import Client


def test_show_and_the_summary_of_a_run_tell_of_warnings(cli, fake, capfdbinary):
    fake.add_job(state="SUCCEEDED", warnings=["your program is not distributed"])
    assert "warning     your program is not distributed" in cli("show", "digits")[1]
    client = Client()
    summary.tell(client, client.job("digits"))
    client.close()
    told = capfdbinary.readouterr().err.decode()
    assert "warning       your program is not distributed" in told
