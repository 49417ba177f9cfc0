"""Remove secrets from a plan or profile for sharing: values that look like a token, a password or a key.

The name of a variable or option decides, and in any text the part of a web address before its `@`, the names
of its parameters, and those of headers. Names remain: to repeat the run, set them in the environment of the
command. `runner.plan.masking` removes the values from what programs print.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:
    from runner.plan.plan import Plan

WITHHELD = "(withheld)"

# Whole words of a name, as a part would also match MAX_NUM_TOKENS, TOKENIZERS_PARALLELISM and PATH.
_SECRET_NAME = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|SIGNATURE|(?:^|_)(?:\w*TOKEN|\w*KEY|PAT|PASS|AUTH|SIG)(?:_|$)|_PWD$",
    re.IGNORECASE,
)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_PARAMETER = re.compile(r"(?P<kept>[?&#;](?P<name>[\w.-]+)=)(?P<value>[^&#;\s]+)")
"""a parameter of a web address: `?token=VALUE`"""
_HEADER = re.compile(
    r"(?P<kept>\b(?:(?:proxy-)?authorization|cookie|[a-z]+(?:-[a-z]+)*-(?:key|token|secret)):\s*"
    r"(?:(?:bearer|basic|token)\s+)?)(?P<value>[^\r\n\"']+)",
    re.IGNORECASE,
)
"""a header of a request: `Authorization: Bearer VALUE`"""
_OPTION = re.compile(r"(?P<name>--?[A-Za-z][\w.-]*)(?:=(?P<value>.*))?", re.DOTALL)
"""`--api-key=VALUE`, or `--api-key`, whose value is the next word"""
_HARMLESS = re.compile(r"|[-+.\d]+|true|false|none|null|auto|\(withheld\)", re.IGNORECASE)
"""Values that are no secret, whatever the option is called: `--pad_token_id 0`."""
_ASSIGNMENT = re.compile(r"(?P<kept>(?:--env=|-[ex])?(?P<name>[A-Za-z_]\w*))=.*", re.DOTALL)
"""`NAME=value`, as container tools and mpirun take it, also directly after an option: `--env=NAME=value`"""


def is_secret(name: str, value: str) -> bool:
    """Check whether the value of a variable is secret."""
    return _is_secret_name(name) or _redact_text(value) != value


def _is_secret_name(name: str) -> bool:
    return bool(_SECRET_NAME.search(name.lstrip("-").replace("-", "_").replace(".", "_")))


def has_secrets(profile: Any) -> bool:
    """Check whether the plain data of a profile contain a secret."""
    return bool(redact_profile(profile) != profile)


def redact_plan(plan: Plan) -> Plan:
    """Return the plan without secrets and without the command at its end, for sharing."""
    stages = [
        replace(stage, env=_redact_env(stage.env), argv=_redact_words(stage.argv)) for stage in plan.stages
    ]
    nodes = replace(plan.nodes, env=_redact_env(plan.nodes.env)) if plan.nodes is not None else None
    return replace(plan, stages=stages, nodes=nodes, on_end=None, webhook=False)


def _redact_env(env: Mapping[str, str]) -> dict[str, str]:
    return {name: WITHHELD if is_secret(name, value) else value for name, value in env.items()}


def redact_profile(data: Any) -> Any:
    """Return the plain data of a profile without secret variables, so that those of the reader apply."""
    if isinstance(data, list) and all(isinstance(value, str) for value in data):
        return _redact_words(data)
    if isinstance(data, list):
        return [redact_profile(value) for value in data]
    if isinstance(data, str):
        return _redact_word(data)
    if not isinstance(data, dict):
        return data
    kept = {key: redact_profile(value) for key, value in data.items()}
    if isinstance(env := data.get("env"), dict):
        kept["env"] = {name: value for name, value in env.items() if not is_secret(str(name), str(value))}
    return kept


def withheld_names(plan: Plan) -> list[str]:
    """Return the names of the secrets of a plan, each once."""
    found: dict[str, None] = {}
    for stage in plan.stages:
        found |= dict.fromkeys(name for name, value in stage.env.items() if is_secret(name, value))
        found |= {name: None for name, _ in _secret_words(stage.argv)}
    return list(found)


def secret_values(plan: Plan) -> list[str]:
    """Return the values of the secrets of a plan, each once."""
    found: dict[str, None] = {}
    for stage in plan.stages:
        found |= dict.fromkeys(_values(stage.env))
        for _, value in _secret_words(stage.argv):
            found[value] = None
    return list(found)


def values_in_profile(data: Any) -> list[str]:
    """Return the values of the secrets in the plain data of a profile."""
    if isinstance(data, str):
        return [value for _, value in _secret_words([data])]
    if isinstance(data, list):
        words = [value for value in data if isinstance(value, str)]
        others = [value for value in data if not isinstance(value, str)]
        return [value for _, value in _secret_words(words)] + [
            v for one in others for v in values_in_profile(one)
        ]
    if not isinstance(data, dict):
        return []
    env = data.get("env")
    variables = {str(name): str(value) for name, value in env.items()} if isinstance(env, dict) else {}
    return [*_values(variables), *(v for value in data.values() for v in values_in_profile(value))]


def values_in_environment(environment: Mapping[str, str]) -> list[str]:
    """Return the values of the secret variables of an environment."""
    return list(dict.fromkeys(_values(environment)))


def _values(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        if _is_secret_name(name):
            yield value
        else:
            yield from (found for _, found in _secrets_in_text(value))


def _secret_words(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield name and value of every secret among the words of a command."""
    for before, word in zip(["", *words], words, strict=False):
        assignment, option = _ASSIGNMENT.fullmatch(word), _OPTION.fullmatch(word)
        if _takes_secret(before) and not _HARMLESS.fullmatch(word) and not word.startswith("-"):
            yield before, word
        elif assignment is not None and _is_secret_name(assignment["name"]):
            yield assignment["name"], word.removeprefix(f"{assignment['kept']}=")
        elif option is not None and option["value"] and _is_secret_option(option["name"], option["value"]):
            yield option["name"], option["value"]
        else:
            yield from _secrets_in_text(word)


def _secrets_in_text(text: str) -> Iterator[tuple[str, str]]:
    for found in _USER_OF_ADDRESS.finditer(text):
        yield "the user in a web address", found[0].rpartition(":")[2]
    for found in _PARAMETER.finditer(text):
        if _is_secret_name(found["name"]):
            yield f"{found['name']} in a web address", found["value"]
    for found in _HEADER.finditer(text):
        yield f"the header {found['kept'].partition(':')[0]}", found["value"]


def _takes_secret(option: str) -> bool:
    """Check whether a word is an option whose value, the next word, is secret."""
    # `-eTOKEN` of docker and mpirun names a variable, and its value is not the next word.
    is_option = option.startswith("--") or (option.startswith("-") and option.islower())
    return is_option and "=" not in option and _is_secret_name(option)


def _is_secret_option(name: str, value: str) -> bool:
    return _is_secret_name(name) and not _HARMLESS.fullmatch(value)


def _redact_words(words: Sequence[str]) -> list[str]:
    """Return the words of a command without secrets; `--token VALUE` takes two of them."""
    return [
        WITHHELD
        if _takes_secret(before) and not _HARMLESS.fullmatch(word) and not word.startswith("-")
        else _redact_word(word)
        for before, word in zip(["", *words], words, strict=False)
    ]


def _redact_word(word: str) -> str:
    """Return a word without secrets; `-e NAME` without a value passes on the variable of the caller."""
    assignment, option = _ASSIGNMENT.fullmatch(word), _OPTION.fullmatch(word)
    if assignment is not None and is_secret(assignment["name"], word):
        return assignment["kept"]
    if option is not None and option["value"] and _is_secret_option(option["name"], option["value"]):
        return f"{option['name']}={WITHHELD}"
    return _redact_text(word)


def _redact_text(text: str) -> str:
    def without_value(found: re.Match[str]) -> str:
        return found["kept"] + WITHHELD if _is_secret_name(found["name"]) else found[0]

    text = _HEADER.sub(lambda found: found["kept"] + WITHHELD, text)
    return _PARAMETER.sub(without_value, _USER_OF_ADDRESS.sub(WITHHELD, text))
