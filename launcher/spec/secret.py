"""`secrets` and `notify` in a spec: names of what the server keeps, never values."""

from __future__ import annotations

import urllib.parse
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from launcher.model.notice import MOMENTS, may_be_reached
from launcher.model.secret import fault_of_name, is_set_for_ranks
from launcher.spec.values import (
    EnvName,
    Text,
    WrongValueError,
    did_you_mean,
    each,
    kind_of,
    raise_all,
)

_LONGEST_URL = 2000


def _by_variable(value: object) -> object:
    """`[WANDB_API_KEY]` is short for `{WANDB_API_KEY: WANDB_API_KEY}`."""
    if value is None:
        return {}
    if isinstance(value, str):
        raise WrongValueError("expected a list of names, found text; write them as [A, B]")
    if isinstance(value, dict):
        return value
    if not isinstance(value, list | tuple):
        raise WrongValueError(f"expected a list of names, found {kind_of(value)}")
    names = each(value, _listed)
    raise_all(
        WrongValueError("stands there twice; remove one", at=(index,))
        for index, name in enumerate(names)
        if name in names[:index]
    )
    return {name: name for name in names}


def _listed(item: object, index: int) -> str:
    """One name of a list. What is wrong is never shown: it may be the value itself."""
    if not isinstance(item, str):
        raise WrongValueError(
            f"expected the name of a secret, found {kind_of(item)}; "
            "for another variable write secrets: {HF_TOKEN: NAME_OF_THE_SECRET}",
            at=(index,),
        )
    fault = fault_of_name(item)
    if "=" in item:
        fault = "is more than a name; the value is kept by launcher secret set NAME"
    if fault:
        raise WrongValueError(fault, at=(index,))
    return item


def _secret_name(value: str) -> str:
    fault = fault_of_name(value)
    if fault:
        # Whoever writes a value here shall not find it in an error, a log or a terminal.
        raise WrongValueError(
            "is not the name of a secret; keep the value by launcher secret set NAME "
            "and write that name here"
        )
    return value


def _variable(value: str) -> str:
    if is_set_for_ranks(value):
        raise WrongValueError("is set by the launcher for every worker; remove it")
    return value


def _moments(value: object) -> object:
    """When: a word, or a list of them."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        known = ", ".join(MOMENTS)
        raise WrongValueError(f"expected some of {known}, found {kind_of(value)}")
    if not words:
        raise WrongValueError("is empty; remove notify, or write when, as [failed]")
    if isinstance(value, str):
        _moment(value, None)
    else:
        each(words, _moment)
    return tuple(moment for moment in MOMENTS if moment in words)


def _moment(word: object, index: int | None) -> str:
    if word not in MOMENTS:
        known, near = ", ".join(MOMENTS), did_you_mean(str(word), MOMENTS)
        at = () if index is None else (index,)
        raise WrongValueError(f"{{value}} is none of {known}{near}", at=at)
    return str(word)


def url_fault(url: str) -> str:
    """Why nothing can be posted to a URL; empty when it can.

    >>> url_fault("https://hooks.example/x"), url_fault("hooks.example/x")
    ('', 'is no address; write it with https:// in front')
    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return "is no address; write it with https:// in front"
    try:
        port_is_sane = parts.port is None or parts.port > 0
    except ValueError:
        port_is_sane = False
    if not parts.hostname or not port_is_sane or any(c.isspace() for c in url):
        return "is no address of a web server; write it as https://HOST/PATH"
    if parts.username or parts.password:
        return "holds a password; keep the whole address as a secret and write url_secret: NAME"
    if _is_forbidden(parts.hostname):
        return "is an address that the server posts nothing to: one of the machine's own network"
    if len(url) > _LONGEST_URL:
        return f"has more than {_LONGEST_URL} characters"
    return ""


def _is_forbidden(host: str) -> bool:
    try:
        return not may_be_reached(host)
    except ValueError:  # a name: looked up, and judged, when something is posted
        return False


def _url(value: str) -> str:
    fault = url_fault(value.strip())
    if fault:
        shown = "" if fault.startswith("holds") else "{value} "
        raise WrongValueError(f"{shown}{fault}")
    return value.strip()


def listed_too(schema: dict[str, Any]) -> None:
    """In the JSON schema of `secrets`."""
    parts = ("type", "additionalProperties", "propertyNames")
    section = {key: schema.pop(key) for key in parts if key in schema}
    schema["anyOf"] = [{"type": "array", "items": {"type": "string"}}, section]


def an_address_alone(value: object) -> object:
    """`notify: https://…` is short for `notify: {url: https://…}`."""
    return {"url": value} if isinstance(value, str) else value


ByVariable = BeforeValidator(_by_variable)
SecretName = Annotated[Text, AfterValidator(_secret_name)]
SecretVariable = Annotated[EnvName, AfterValidator(_variable)]
Url = Annotated[Text, AfterValidator(_url)]
Moments = Annotated[
    tuple[str, ...],
    BeforeValidator(_moments),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"type": "string", "enum": list(MOMENTS)}},
                {"type": "string", "enum": list(MOMENTS)},
            ]
        }
    ),
]
