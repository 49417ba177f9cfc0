"""Values of known secrets in what programs print."""

from __future__ import annotations

import base64
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import events as ev
from runner.plan.masking import Mask, mask_of
from tests.support.runs import plan_of

SECRET = 'hf_"quoted" \\ é'


def test_value_is_replaced_in_text_json_and_addresses() -> None:
    mask = Mask.of([SECRET])
    address = "?token=hf_%22quoted%22%20%5C%20%C3%A9"
    in_json = json.dumps([SECRET]), json.dumps([SECRET], ensure_ascii=False)
    for text in (SECRET, repr(SECRET), *in_json, address):
        assert "quoted" not in mask.apply_text(f"before {text} after")
    assert mask.apply_text("nothing of it") == "nothing of it"


@pytest.mark.parametrize("user", ["", "u", "me", "bob", "root:"])
def test_a_value_is_found_in_base64_wherever_it_begins(user: str) -> None:
    mask, other = Mask.of(["S3cr3t/Value?>~~"]), Mask.of(["0ther-S3cret"])
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        header = b"Authorization: Basic " + encode(f"{user}S3cr3t/Value?>~~:more".encode())
        kept = mask.apply(header)
        assert b"(withheld)" in kept
        assert b"cr3t" not in base64.b64decode(kept.partition(b"Basic ")[2].partition(b"(")[0] + b"==")
        assert other.apply(header) == header


def test_short_values_and_common_words_stay() -> None:
    assert Mask.of(["abc", "12345678901", "1234.5678", "finished", "benchmark"]).values == ()


def test_secrets_of_plan_and_environment_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "from-the-shell")
    plan = plan_of(["x", "--api-key=from-an-option"], env={"HF_TOKEN": "from-a-profile"})
    assert {"from-the-shell", "from-an-option", "from-a-profile"} <= set(mask_of(plan).values)


def test_event_is_masked_in_its_texts_only() -> None:
    mask = Mask.of([SECRET])
    notice = ev.Notice(t=1, level="warning", text=f"token {SECRET} is wrong")
    assert mask.masked(notice) == ev.Notice(t=1, level="warning", text="token (withheld) is wrong")
    result = ev.Result(t=1, stage=0, values={"key": SECRET})
    assert mask.masked(result).values == {"key": "(withheld)"}


def test_readers_mask_what_looks_like_a_secret() -> None:
    mask = Mask(forms=True)
    token = "hf_" + "a1B2" * 8
    texts = {
        f"token {token} is wrong": "token (withheld) is wrong",
        "WANDB_API_KEY=0123456789ab is set": "WANDB_API_KEY=(withheld) is set",
        "https://me:pass@host/x?token=abcdefgh1&n=2": "https://(withheld)@host/x?token=(withheld)&n=2",
        "max_num_tokens=16384 hf_transfer task-queue-of-twenty-five-words": None,
    }
    for text, public in texts.items():
        notice = ev.Notice(t=1, level="warning", text=text)
        assert mask.masked_all([notice])[0] == ev.Notice(t=1, level="warning", text=public or text)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from(
            (b"s3cret-value", b"s3cret value longer", b" ", b"\n", b"X_TOKEN=0123", b"456789", b"@")
        ),
        max_size=30,
    ),
    st.integers(1, 64),
    st.booleans(),
)
def test_a_file_read_in_pieces_is_masked_as_a_whole(parts: list[bytes], size: int, forms: bool) -> None:
    content = b"".join(parts)
    mask = Mask(Mask.of(["s3cret-value", "s3cret value longer"]).values, forms=forms)

    class Slow(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(size)

    assert mask.opened(Slow(content)).read() == mask.apply(content)
