"""The Python API of a launcher server. The command line uses nothing else.

    client = launcher.Client()                 # or Client("https://launcher.example", token=...)
    job = client.submit("job.yaml", resources={"workers": 4})
    client.wait(job, progress=True)
    client.frame(job)["loss"].plot()           # pandas; client.plot(job) draws without it

docs/python.md tells more.

A client belongs to one thread; what `follow` gives may be read in another.
"""

from __future__ import annotations

from launcher.address import Address, OwnServer, find_server, state_dir
from launcher.api.checkpoints import Checkpoints
from launcher.api.clusters import Clusters
from launcher.api.drains import Drains
from launcher.api.frames import Frames
from launcher.api.keeping import Keeping
from launcher.api.notify import Notify
from launcher.api.outputs import Outputs
from launcher.api.pages import Pages
from launcher.api.plotting import Plotting
from launcher.api.projects import Projects
from launcher.api.queue import Queue
from launcher.api.secret import Secrets
from launcher.api.server import Server
from launcher.api.users import Users
from launcher.api.visits import Visits
from launcher.api.waiting import Waiting


class Client(
    Waiting,
    Plotting,
    Frames,
    Outputs,
    Checkpoints,
    Clusters,
    Drains,
    Keeping,
    Notify,
    Pages,
    Projects,
    Queue,
    Secrets,
    Server,
    Users,
    Visits,
):
    """Talks to the server at `url`, else at LAUNCHER_SERVER, else to the one of this user here.

    Raises:
        UnreachableError: there is none here.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, address: Address | None = None
    ) -> None:
        super().__init__(address or find_server(url, token))

    def _repr_html_(self) -> str:
        from launcher.html import server

        return server(self.server(), self.url)

    @classmethod
    def embedded(cls, *, start: bool = True) -> Client:
        """The client of this user's own server on this machine.

        Args:
            start: start that server when it does not run.
        """
        server = OwnServer(state_dir())
        if start:
            server.start()
        return cls(address=server)
