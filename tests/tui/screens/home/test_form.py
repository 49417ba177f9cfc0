"""The form without its drawing: what counts as a change, and the way back."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

import profiles
from runner.engines.registry import engine_names
from runner.engines.torch.profile import TorchProfile
from runner.profile import store as profile_store
from runner.profile.yaml_file import ProfileError
from runner.schema.base import Profile
from tui.screens.home.form import Drafts, Form, FormRow, open_form, value_problem
from tui.screens.home.form_entries import FormGroup, entries_of, search_rows


@pytest.fixture
def form() -> Form:
    return open_form(profile_store.find("quickstart").load())


def row(form: Form, path: str) -> FormRow:
    return next(found for found in form.rows() if found.field.path == path)


def test_a_fresh_form_holds_no_change(form: Form) -> None:
    assert not form.changed
    assert not any(found.changed for found in form.rows())
    assert form.undone() is form


def test_what_people_change_comes_first_and_the_rest_is_folded(form: Form) -> None:
    changed = form.with_value("benchmark.warm_up", "9")
    entries = entries_of(changed.rows(), {"model.shape"})
    keys = [entry.key for entry in entries]
    assert keys[:7] == [
        "benchmark.batch_size", "benchmark.input_output_len", "benchmark.num_runs", "benchmark.duration",
        "model.dir", "parallel.tp", "model.dtype",
    ]  # fmt: skip
    assert [key for key in keys[7:] if not key.startswith("model.shape.")] == [
        ".", "model.", "smoke.", "benchmark.", "launch.", "launch.mpirun."
    ]  # fmt: skip
    assert keys[keys.index("model.shape.") + 1] == "model.shape.hidden_size"
    groups = {entry.title: entry.changed for entry in entries if isinstance(entry, FormGroup)}
    assert (groups["benchmark"], groups["model · shape"], groups["profile"]) == (1, 0, 0)
    assert "name" not in [found.field.path for found in form.rows()]


def test_a_search_shows_names_before_descriptions(form: Form) -> None:
    found = [row.field.path for row in search_rows(form.rows(), "TOKENS")]
    assert found == [
        "benchmark.input_output_len", "model.seed", "model.shape.vocab_size"
    ]  # fmt: skip
    assert search_rows(form.rows(), "mpirun path")[0].field.path == "launch.mpirun.path"


def test_a_change_knows_what_was_saved(form: Form) -> None:
    changed = form.with_value("benchmark.num_runs", "7")
    found = row(changed, "benchmark.num_runs")
    assert (found.changed, found.field.text, found.saved) == (
        True,
        "7",
        row(form, "benchmark.num_runs").field.text,
    )


def test_the_same_value_is_no_change(form: Form) -> None:
    assert form.with_value("benchmark.num_runs", row(form, "benchmark.num_runs").field.text) is form


def test_undoing_is_the_way_back_step_by_step(form: Form) -> None:
    first = form.with_value("benchmark.num_runs", "7")
    second = first.with_value("benchmark.warm_up", "9")
    assert second.undone().profile == first.profile
    assert second.undone().undone().profile == form.profile
    assert form.undone() is form


def test_redo_repeats_until_something_else_changes(form: Form) -> None:
    first = form.with_value("benchmark.num_runs", "7")
    second = first.with_value("benchmark.warm_up", "9")
    assert second.undone().undone().redone().redone() == second
    assert second.redone() is second
    elsewhere = second.undone().with_value("benchmark.warm_up", "8")
    assert elsewhere.redone() is elsewhere


def test_a_field_goes_back_to_its_saved_value_alone(form: Form) -> None:
    before = row(form, "benchmark.num_runs").field.text
    changed = form.with_value("benchmark.num_runs", "7").with_value("benchmark.warm_up", "9")
    reset = changed.with_reset(row(changed, "benchmark.num_runs"))
    assert row(reset, "benchmark.num_runs").field.text == before
    assert row(reset, "benchmark.warm_up").field.text == "9"
    assert reset.undone().profile == changed.profile


def test_changing_back_by_hand_is_no_change_but_can_be_undone(form: Form) -> None:
    before = row(form, "benchmark.num_runs").field.text
    back = form.with_value("benchmark.num_runs", "7").with_value("benchmark.num_runs", before)
    assert not back.changed
    assert back.undone().changed


def test_choices_go_around(form: Form) -> None:
    seen = []
    for _ in range(3):
        form = form.with_next_choice(row(form, "model.dtype"), 1)
        seen.append(row(form, "model.dtype").field.text)
    assert seen == ["bfloat16", "float16", "float32"]
    assert row(form.with_next_choice(row(form, "model.dtype"), -1), "model.dtype").field.text == "float16"


def test_a_refusal_names_a_field_only_when_it_is_another_one(form: Form) -> None:
    with pytest.raises(ProfileError) as raised:
        form.with_value("model.shape.num_key_value_heads", "3")
    assert (
        value_problem(raised.value, "model.shape.num_key_value_heads")
        == "3 does not divide num_attention_heads 8"
    )
    assert value_problem(raised.value, "elsewhere").startswith("model.shape.num_key_value_heads: 3 does not")


# --- drafts ---------------------------------------------------------------------------------------------


def later(profile: Profile, description: str) -> Profile:
    return msgspec.structs.replace(profile, description=description)


def test_a_draft_is_there_again(form: Form) -> None:
    drafts = Drafts()
    changed = form.with_value("benchmark.num_runs", "7")
    drafts.keep(changed)
    assert drafts.form_of(form.saved) == changed


def test_a_form_without_changes_is_no_draft(form: Form) -> None:
    drafts = Drafts()
    drafts.keep(form.with_value("benchmark.num_runs", "7"))
    drafts.keep(form)
    assert drafts.forms == {}


def test_a_draft_outlives_a_change_of_the_file(form: Form) -> None:
    drafts = Drafts()
    drafts.keep(form.with_value("benchmark.num_runs", "7"))
    again = drafts.form_of(later(form.saved, "written anew"))
    assert again.saved.description == "written anew"
    assert isinstance(again.profile, TorchProfile)
    assert again.profile.benchmark.num_runs == 7


def test_without_changes_the_file_is_what_counts(form: Form) -> None:
    assert form.with_saved(later(form.saved, "written anew")).profile.description == "written anew"


@pytest.mark.parametrize("engine", engine_names())
def test_a_form_for_every_engine_is_made_from_its_profile_type(engine: str) -> None:
    """Every field of a built-in profile has a row, takes its own text back, and choices go around."""
    built_in = map(profile_store.load_file, sorted(Path(profiles.__file__).parent.glob("*.yaml")))
    form = open_form(next(profile for profile in built_in if profile.engine == engine))
    rows = form.rows()
    assert {"model", "benchmark"} <= {found.field.section.partition(".")[0] for found in rows}
    for found in rows:
        assert form.with_value(found.field.path, found.field.text) is form, found.field.path
        assert found.field.help, f"{found.field.path} is not explained"
        assert found.field.allowed
    changed = form.with_value("description", "another one")
    assert [found.field.path for found in changed.rows() if found.changed] == ["description"]
    assert changed.with_reset(row(changed, "description")).profile == form.profile
