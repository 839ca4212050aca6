"""Builds a wheel into a folder of its own, whose work an interrupted build takes up again."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from launcher.cli.installing import recipe
from launcher.cli.installing.commands import Progress, install, run
from launcher.cli.installing.recipe import Target, Tools
from launcher.errors import LauncherError

_FREE_BYTES = 2**30


def cache_folder(env: Mapping[str, str] = os.environ) -> Path:
    """In the place that XDG names for what can be made again."""
    base = env.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "launcher" / "horovod"


@dataclass
class Build:
    """One wheel: for one target, with the tools that were found."""

    target: Target
    tools: Tools
    jobs: int
    cache: Path = field(default_factory=cache_folder)
    say: Callable[[str], None] = print
    progress: Progress = lambda _percent, _file: None

    def __post_init__(self) -> None:
        self._own = recipe.own_variables(os.environ)
        self.folder = self.cache / recipe.key(self.target, self.tools, self._own)
        self.log = self.folder / "build.log"
        self._work = self.folder / "work"
        self._lock: int | None = None
        self._python = str(self._work / "python" / "bin" / "python")

    @property
    def frameworks(self) -> list[str]:
        """What the wheel serves, by their names in Horovod."""
        return recipe.built(self.target, self._own)

    def cached(self) -> Path | None:
        """The wheel, if it was built before."""
        return next(self.folder.glob("*.whl"), None)

    def wheel(self) -> Path:
        """The wheel, built unless it is there.

        Raises:
            LauncherError: a step failed; its words are in the log.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            found = self.cached()
            if found is None:
                self._expect_room()
                found = self._make()
                shutil.rmtree(self._work, ignore_errors=True)
        return found

    def _make(self) -> Path:
        if self._work.exists():
            self.say("an earlier build was interrupted: going on from there")
        self._work.mkdir(exist_ok=True)
        self._make_python()
        source = self._unpack(self._download())
        self._write_wrapper()
        cmake = self.tools.cmake or str(Path(self._python).with_name("cmake"))
        env = recipe.environment(
            self.target,
            Tools(**{**vars(self.tools), "cmake": cmake, "nccl_library": self._nccl_library()}),
            str(self._work / "cxx17"),
            self.jobs,
            self._own,
        )
        self.say(f"compiling with {self.jobs} at a time; {self.log} has every word of it")
        made = self._work / "wheel"
        command = [self._python, "setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(made)]
        self._must(command, "Horovod could not be compiled", cwd=source, env=env)
        (wheel,) = made.glob("*.whl")
        self._expect_libraries(wheel)
        return wheel.replace(self.folder / wheel.name)

    def _expect_libraries(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            lacking = recipe.lacking(archive.namelist(), self.frameworks)
        if lacking:
            shutil.rmtree(self._work)
            raise LauncherError(
                f"what was compiled has no library for {' and '.join(lacking)} ({self.log})",
                hint="the log tells why; HOROVOD_WITHOUT_TENSORFLOW=1 and its like leave one out",
            )

    def _make_python(self) -> None:
        """An environment of what builds, beside the target's, of which nothing is changed."""
        place = self._work / "python"
        ready = place / "ready"
        if ready.exists():
            return
        self.say("making an environment for the build")
        venv = [self.target.python, "-m", "venv", "--clear", "--without-pip", str(place)]
        self._must(venv, "no environment could be made")
        (packages,) = place.glob("lib/python*/site-packages")
        lines = "".join(f"{path}\n" for path in self.target.paths)
        (packages / "target.pth").write_text(lines, "utf-8")
        cmake = () if self.tools.cmake else ("cmake<4",)
        install(self._python, ("pip", *recipe.BUILD_NEEDS, *cmake), self._must)
        ready.touch()

    def _download(self) -> Path:
        sdist = self.cache / recipe.SDIST
        if not sdist.exists():
            self.say(f"downloading {recipe.SDIST}")
            command = [self._python, "-m", "pip", "download", "--quiet", "--no-deps"]
            command += ["--no-binary", "horovod", "--no-build-isolation", "--dest", str(self._work)]
            command += ["--disable-pip-version-check", f"horovod=={recipe.VERSION}"]
            self._must(command, f"{recipe.SDIST} could not be downloaded")
            (self._work / recipe.SDIST).replace(sdist)
        found = hashlib.sha256(sdist.read_bytes()).hexdigest()
        if found != recipe.SHA256:
            sdist.unlink()
            raise LauncherError(
                f"{recipe.SDIST} is not the one that was released: its sha256 is {found}",
                hint="pip's index gave another file; nothing of it was run but its version",
            )
        return sdist

    def _unpack(self, sdist: Path) -> Path:
        source = self._work / "source"
        if not source.exists():
            partial = self._work / "unpacking"
            shutil.rmtree(partial, ignore_errors=True)
            with tarfile.open(sdist) as archive:
                # Python before 3.10.12 and 3.11.4 has no filters; the archive's hash is known.
                archive.extraction_filter = getattr(tarfile, "data_filter", None)
                archive.extractall(partial)  # noqa: S202 - as above
            unpacked = partial / recipe.SDIST.removesuffix(".tar.gz")
            lists = unpacked / "horovod" / "tensorflow" / "CMakeLists.txt"
            lists.write_text(recipe.without_xla(lists.read_text("utf-8")), "utf-8")
            unpacked.replace(source)
        return source

    def _write_wrapper(self) -> None:
        wrapper = self._work / "cxx17"
        wrapper.write_text(recipe.compiler_wrapper(self.tools.compiler), "utf-8")
        wrapper.chmod(0o755)

    def _nccl_library(self) -> str:
        """The folder of NCCL's library under the name by which it is linked.

        The one that PyTorch brings has its version alone in its name.
        """
        library = self.tools.nccl_library
        if not self.tools.has_nccl or Path(library, "libnccl.so").exists():
            return library
        folder = self._work / "nccl"
        folder.mkdir(exist_ok=True)
        link = folder / "libnccl.so"
        link.unlink(missing_ok=True)
        link.symlink_to(min(Path(library).glob("libnccl.so*")))
        return str(folder)

    def _expect_room(self) -> None:
        if not recipe.is_safe_place(str(self._work)):
            raise LauncherError(
                f"Horovod cannot be built in {self.folder}: it takes its path for a regular"
                " expression",
                hint="XDG_CACHE_HOME names another place, of letters and digits",
            )
        free = shutil.disk_usage(self.folder).free
        if free < _FREE_BYTES and not self._work.exists():
            raise LauncherError(
                f"{self.folder} has {free / 2**30:.1f} GiB left, and the build needs 1",
                hint="XDG_CACHE_HOME names another place",
            )

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process builds this wheel, nor what is left of one that was killed."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say("another process builds the same wheel: waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._lock = lock.fileno()
            yield
            self._lock = None

    def _must(
        self,
        command: Sequence[str],
        failure: str,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        held = () if self._lock is None else (self._lock,)  # by its processes too
        run(command, failure, self.log, self.progress, cwd=cwd, env=env, held=held)
