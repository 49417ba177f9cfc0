"""Remove secrets from a plan or profile for sharing: values that look like a token, a password or a key.

The name of a variable decides, and for a web address the part before its `@`. Names of variables remain: to
repeat the run, set them in the environment of the command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:
    from runner.plan.plan import Plan

WITHHELD = "(withheld)"

# Whole words of a name, as a part would also match MAX_NUM_TOKENS, TOKENIZERS_PARALLELISM and PATH.
_SECRET_NAME = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|(?:^|_)(?:\w*TOKEN|\w*KEY|PAT|PASS|AUTH)(?:_|$)|_PWD$",
    re.IGNORECASE,
)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_ASSIGNMENT = re.compile(r"(?P<kept>(?:--env=|-[ex])?(?P<name>[A-Za-z_]\w*))=.*", re.DOTALL)
"""`NAME=value`, as container tools and mpirun take it, also directly after an option: `--env=NAME=value`"""


def is_secret(name: str, value: str) -> bool:
    """Check whether the value of a variable is secret."""
    return bool(_SECRET_NAME.search(name) or _USER_OF_ADDRESS.search(value))


def has_secrets(profile: Any) -> bool:
    """Check whether the plain data of a profile contain a secret."""
    return bool(redact_profile(profile) != profile)


def redact_plan(plan: Plan) -> Plan:
    """Return the plan without secrets and without the command at its end, for sharing."""
    stages = [
        replace(
            stage,
            env={name: WITHHELD if is_secret(name, value) else value for name, value in stage.env.items()},
            argv=[_redact_argument(word) for word in stage.argv],
        )
        for stage in plan.stages
    ]
    return replace(plan, stages=stages, on_end=None)


def redact_profile(data: Any) -> Any:
    """Return the plain data of a profile without secret variables, so that those of the reader apply."""
    if isinstance(data, list):
        return [redact_profile(value) for value in data]
    if isinstance(data, str):
        return _redact_argument(data)
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
        for word in stage.argv:
            if word != _redact_argument(word):
                assignment = _ASSIGNMENT.fullmatch(word)
                found[assignment["name"] if assignment else "the user in a web address"] = None
    return list(found)


def _redact_argument(word: str) -> str:
    """Return an argument without secrets; `-e NAME` without a value passes on the variable of the caller."""
    assignment = _ASSIGNMENT.fullmatch(word)
    if assignment is not None and is_secret(assignment["name"], word):
        return assignment["kept"]
    return _USER_OF_ADDRESS.sub(WITHHELD, word)
