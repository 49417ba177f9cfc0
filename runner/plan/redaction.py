"""What stays with its owner when a run goes to others: values that look like a token, a password or a key.

A variable is judged by its name, a web address by what stands before its `@`. Names of variables stay: who
repeats the run sets them in the environment that it is started from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:
    from runner.plan.plan import Plan

WITHHELD = "(withheld)"

# Words of a name where a part would mean something else: MAX_NUM_TOKENS, TOKENIZERS_PARALLELISM, PATH.
_SECRET_NAME = re.compile(
    r"SECRET|PASSW|PASSPHRASE|CREDENTIAL|COOKIE|(?:^|_)(?:\w*TOKEN|\w*KEY|PAT|PASS|AUTH)(?:_|$)|_PWD$",
    re.IGNORECASE,
)
_USER_OF_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_ASSIGNMENT = re.compile(r"(?P<kept>(?:--env=|-[ex])?(?P<name>[A-Za-z_]\w*))=.*", re.DOTALL)
"""`NAME=value`, as container tools and mpirun take it, also right behind their option: `--env=NAME=value`"""


def is_secret(name: str, value: str) -> bool:
    """Whether the value of a variable is its owner's alone."""
    return bool(_SECRET_NAME.search(name) or _USER_OF_ADDRESS.search(value))


def is_in(profile: Any) -> bool:
    """Whether plain data of a profile hold such a value."""
    return bool(of_profile(profile) != profile)


def of_plan(plan: Plan) -> Plan:
    """The plan for other eyes; the command that its owner wanted at the end is nobody else's, either."""
    stages = [
        replace(
            stage,
            env={name: WITHHELD if is_secret(name, value) else value for name, value in stage.env.items()},
            argv=[_word(word) for word in stage.argv],
        )
        for stage in plan.stages
    ]
    return replace(plan, stages=stages, on_end=None)


def of_profile(data: Any) -> Any:
    """Plain data of a profile for other eyes: without such variables, so that those of the reader count."""
    if isinstance(data, list):
        return [of_profile(value) for value in data]
    if isinstance(data, str):
        return _word(data)
    if not isinstance(data, dict):
        return data
    kept = {key: of_profile(value) for key, value in data.items()}
    if isinstance(env := data.get("env"), dict):
        kept["env"] = {name: value for name, value in env.items() if not is_secret(str(name), str(value))}
    return kept


def names(plan: Plan) -> list[str]:
    """What is withheld of a plan, each once."""
    found: dict[str, None] = {}
    for stage in plan.stages:
        found |= dict.fromkeys(name for name, value in stage.env.items() if is_secret(name, value))
        for word in stage.argv:
            if word != _word(word):
                assignment = _ASSIGNMENT.fullmatch(word)
                found[assignment["name"] if assignment else "the user in a web address"] = None
    return list(found)


def _word(word: str) -> str:
    """A word of a command; `-e NAME` without a value hands over what is set where the command is started."""
    assignment = _ASSIGNMENT.fullmatch(word)
    if assignment is not None and is_secret(assignment["name"], word):
        return assignment["kept"]
    return _USER_OF_ADDRESS.sub(WITHHELD, word)
