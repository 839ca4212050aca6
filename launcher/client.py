"""The Python API of a launcher server. The command line uses nothing else.

    client = launcher.Client()
    job = client.submit(load_spec("job.yaml")).job
    client.wait(job.id)

A client belongs to one thread; what `follow` gives may be read in another.
"""

from __future__ import annotations

from launcher.address import Address, OwnServer, find_server, state_dir
from launcher.api.checkpoints import Checkpoints
from launcher.api.clusters import Clusters
from launcher.api.following import Following
from launcher.api.keeping import Keeping
from launcher.api.notify import Notify
from launcher.api.projects import Projects
from launcher.api.queue import Queue
from launcher.api.secret import Secrets
from launcher.api.server import Server
from launcher.api.visits import Visits


class Client(
    Following, Checkpoints, Clusters, Keeping, Notify, Projects, Queue, Secrets, Server, Visits
):
    """Talks to the server at `url`, else at LAUNCHER_SERVER, else to the one of this user here.

    Raises:
        UnreachableError: there is none here.
    """

    def __init__(
        self, url: str | None = None, token: str | None = None, *, address: Address | None = None
    ) -> None:
        super().__init__(address or find_server(url, token))

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
