"""A spec from a file: `parse_spec` is pure, `load_spec` also looks at the files that it names."""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterable
from pathlib import Path

from launcher.errors import SpecError
from launcher.spec.complaints import Complaint, Draft, in_file, refusal
from launcher.spec.document import read_document
from launcher.spec.fitness import check_fitness
from launcher.spec.jobspec import JobSpec
from launcher.spec.judge import judge
from launcher.spec.overrides import apply_overrides
from launcher.spec.program import check_program, check_requirements
from launcher.spec.watching import inside_workdir

_LARGEST_SPEC = 2**20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def parse_spec(text: str, filename: str, overrides: Iterable[str] = ()) -> JobSpec:
    """The spec of a YAML text.

    Raises:
        SpecError: every complaint, one a line, in the order of the text.
    """
    draft = read_document(text, filename)
    apply_overrides(draft, overrides)
    return judge(draft)


def load_spec(path: str | Path, overrides: Iterable[str] = ()) -> JobSpec:
    """The spec of a file, with `workdir` made absolute and its program checked.

    Raises:
        SpecError: every complaint about the spec; when there is none, those about its files.
    """
    file = Path(path)
    draft = read_draft(file)
    apply_overrides(draft, overrides)
    return with_files_checked(judge(draft), draft, folder=file.parent)


def read_draft(file: Path) -> Draft:
    """What a file says, not judged yet.

    Raises:
        SpecError: it cannot be read, or is no mapping.
    """
    return read_document(_read(file), str(file))


def with_files_checked(spec: JobSpec, draft: Draft, *, folder: Path) -> JobSpec:
    """The spec with an absolute workdir that is a folder and holds the program.

    Args:
        spec: what the draft says.
        draft: gives the places of the complaints.
        folder: what `workdir` is relative to.

    Raises:
        SpecError: the complaints about workdir and program.
    """
    workdir = (folder / Path(spec.workdir).expanduser()).resolve()
    if workdir.is_dir():
        check_program(spec, workdir, draft)
        check_requirements(spec, workdir, draft)
        check_fitness(spec, workdir, draft)
        for index, words in inside_workdir(spec.checkpoints.watch, workdir):
            draft.complain(("checkpoints", "watch", index), words)
    else:
        missing = f"does not exist{_near(workdir)}"
        what = "is a file, not a folder" if workdir.exists() else missing
        draft.complain(("workdir",), f"{workdir} {what}")
    if draft.complaints:
        raise refusal(draft.complaints)
    return spec.model_copy(update={"workdir": str(workdir)})


def _read(file: Path) -> str:
    """The text of a spec file, or the one complaint that keeps it from being read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_LARGEST_SPEC + 1)
    except FileNotFoundError as error:
        raise SpecError(f"{file}: does not exist{_near(file)}") from error
    except IsADirectoryError as error:
        raise SpecError(f"{file}: is a folder{_spec_within(file)}") from error
    except OSError as error:
        raise SpecError(f"{file}: cannot be read: {error.strerror}") from error
    if file.suffix == ".py":
        words = f"{file}: is a program, not a job spec"
        raise SpecError(words, hint=f"launcher init {file} writes one; launcher run -- {file}")
    if len(content) > _LARGEST_SPEC:
        raise SpecError(f"{file}: is larger than 1 MiB; a job spec is a short YAML file")
    return _decode(content, str(file))


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = "is UTF-16" if content.startswith(_UTF_16) else "is not UTF-8"
        before = content[: error.start]
        place = in_file(name, before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        words = f"this file {what}; a job spec is YAML saved as UTF-8"
        raise refusal([Complaint(place, "", words)]) from error


def _near(missing: Path) -> str:
    """Names beside a missing one that look like it."""
    try:
        names = [entry.name for entry in missing.parent.iterdir()]
    except OSError:
        return f"; neither does its folder {missing.parent}"
    near = difflib.get_close_matches(missing.name, names, n=2)
    other_ending = {f"{missing.stem}.yaml", f"{missing.stem}.yml"} & set(names)
    found = list(dict.fromkeys([*sorted(other_ending), *near]))
    return f"; did you mean {' or '.join(str(missing.parent / name) for name in found)}" * bool(
        found
    )


def _spec_within(folder: Path) -> str:
    found = sorted(folder.glob("*.y*ml"))[:3]
    if not found:
        return "; launcher init writes a job.yaml"
    return f"; did you mean {' or '.join(str(file) for file in found)}"
