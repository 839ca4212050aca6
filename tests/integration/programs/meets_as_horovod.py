"""Stands for Horovod where none is built: meets over the store as its C++ client does."""

import os
import time
import urllib.error
import urllib.request

PLACE = "http://{HOROVOD_GLOO_RENDEZVOUS_ADDR}:{HOROVOD_GLOO_RENDEZVOUS_PORT}"


def number(name):
    return int(os.environ[f"HOROVOD_{name}"])


def ask(method, path, body=None):
    request = urllib.request.Request(PLACE.format_map(os.environ) + path, body, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read().decode()


def wait_for(path):
    while True:
        try:
            return ask("GET", path)
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            time.sleep(0.01)


def meet(scope, rank, size, address):
    """The addresses of the others, as Gloo's connectFullMesh gathers them."""
    ask("PUT", f"/{scope}/{rank}", address.encode())
    return [wait_for(f"/{scope}/{other}") for other in range(size) if other != rank]


def init():
    """Who else is there: in the gang, on this node, and with this number on other nodes."""
    me = f"rank {number('RANK')}"
    return {
        "global": meet("global", number("RANK"), number("SIZE"), me),
        "local": meet(
            f"local_{os.environ['HOROVOD_HOSTNAME']}",
            number("LOCAL_RANK"),
            number("LOCAL_SIZE"),
            me,
        ),
        "cross": meet(
            f"cross_{number('LOCAL_RANK')}", number("CROSS_RANK"), number("CROSS_SIZE"), me
        ),
    }
