"""YAML to a draft: plain data with the line and column of every key and value.

Only plain data: anchors, aliases, merge keys and tags are refused, and so are the traps of YAML 1.1
(`12:30:00` and `010` are text here, as in YAML 1.2).
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from launcher.spec.complaints import Complaint, Draft, Place, dotted, in_file, refusal
from launcher.spec.syntax import syntax_complaint
from launcher.spec.values import Path, WrittenFloat, WrittenInt

_MAX_DEPTH = 20
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _TAG + name
    for name in ("null", "bool", "int", "float", "str", "timestamp", "value", "map", "seq")
)
_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*(_\d+)*)(\.\d*)?([eE][-+]?\d+)?|[-+]?\.\d+")


class _Composer(yaml.SafeLoader):
    """Builds the tree of nodes; refuses what could make it endless."""

    depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            mark = "*" if isinstance(event, AliasEvent) else "&"
            text = f"{mark}{event.anchor}: anchors and aliases are not read here; "
            raise yaml.MarkedYAMLError(
                problem=text + "write the value out, or quote it if it is text",
                problem_mark=event.start_mark,
            )
        if self.depth >= _MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {_MAX_DEPTH} levels; no key of a spec is",
                problem_mark=event.start_mark,
            )
        self.depth += 1
        node: Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_document(text: str, source: str) -> Draft:
    """The draft of a YAML text.

    Raises:
        SpecError: the text is no YAML, or no mapping; lesser faults become complaints of the draft.
    """
    node = _compose(text, in_file(source))
    if node is None:
        where = in_file(source)
        raise refusal(
            [Complaint(where, "", "the file is empty; write at least entrypoint: train.py")]
        )
    draft = Draft(source)
    if not isinstance(node, MappingNode):
        found = "a list" if isinstance(node, SequenceNode) else "text"
        words = f"expected keys and values, as entrypoint: train.py, found {found}"
        words += "; a space must follow the ':'" * (found == "text" and ":" in node.value)
        raise refusal([Complaint(_place(node, in_file(source)), "", words)])
    draft.data = _Reader(draft, in_file(source)).value(node, ())
    return draft


def read_value(text: str, draft: Draft, path: Path, place: Place) -> Any:
    """The value of a flag: YAML where it opens a list, a mapping or a quote, else one plain scalar.

    A plain scalar is taken whole, so that `#` and `: ` in it mean nothing.
    """
    if text[:1] in set("[{\"'"):
        node = _compose(text, place)
    else:
        tag = yaml.SafeLoader("").resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
        node = ScalarNode(tag, text)
    assert node is not None
    return _Reader(draft, place).value(node, path)


def _compose(text: str, origin: Place) -> Node | None:
    try:
        loader = _Composer(text)
        node: Node | None = loader.get_single_node()
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line = before.count("\n") + 1
        column = error.position - before.rfind("\n")
        words = (
            f"a character that YAML does not allow (U+{ord(text[error.position]):04X}); remove it"
        )
        place = origin if origin.flag else in_file(origin.source, line, column)
        raise refusal([Complaint(place, "", words)]) from error
    except yaml.MarkedYAMLError as error:
        raise refusal([syntax_complaint(error, text, origin)]) from error
    return node


def _place(node: Node, origin: Place) -> Place:
    if origin.flag:
        return origin
    return in_file(origin.source, node.start_mark.line + 1, node.start_mark.column + 1)


class _Reader:
    """Walks the nodes; fills the places of a draft and its complaints."""

    def __init__(self, draft: Draft, origin: Place) -> None:
        self._draft = draft
        self._origin = origin

    def value(self, node: Node, path: Path) -> Any:
        """The plain data of a node."""
        self._draft.values[path] = _place(node, self._origin)
        if node.tag not in _PLAIN_TAGS:
            tag = node.tag.replace(_TAG, "!!")
            self._draft.complain(path, f"the tag {tag} is not read here; remove it")
            self._draft.unread.add(path)
            return None
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, ScalarNode) and node.style is None:
            self._draft.raw[path] = node.value
        return _scalar(node.tag.removeprefix(_TAG), node.value)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            if key in data:
                self._duplicate(key_node, here)
                continue
            self._draft.keys[here] = _place(key_node, self._origin)
            data[key] = self.value(value_node, here)
        return data

    def _key(self, node: Node, path: Path) -> str | None:
        """A key is always text: `on` and `1` too."""
        if node.tag == f"{_TAG}merge":
            words = "merge keys (<<) are not read here; write the keys out"
        elif not isinstance(node, ScalarNode) or node.tag not in _PLAIN_TAGS:
            words = "a key must be one word"
        elif not node.value:
            words = "a key is missing before ':'"
        else:
            return str(node.value)
        self._complain_at(node, path, words)
        return None

    def _duplicate(self, node: Node, path: Path) -> None:
        first = self._draft.keys[path].line
        words = (
            f"is written twice, first in line {first}; keep one" if first else "is written twice"
        )
        self._complain_at(node, path, words)

    def _complain_at(self, node: Node, path: Path, words: str) -> None:
        self._draft.complaints.append(Complaint(_place(node, self._origin), dotted(path), words))


def _scalar(kind: str, raw: str) -> Any:
    if kind == "null":
        return None
    if kind == "bool":
        return raw.lower() in {"yes", "true", "on"}
    if kind in {"int", "float"} and len(raw) < 40 and _NUMBER.fullmatch(raw):
        number = WrittenInt(raw) if kind == "int" else WrittenFloat(raw)
        number.raw = raw
        return number
    return raw
