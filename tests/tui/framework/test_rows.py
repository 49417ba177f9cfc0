from __future__ import annotations

from textual.app import App, ComposeResult
from textual.geometry import Region

from tui.framework.rows import Panel, Row, Rows, Span, cut, dim, fitting, row, row_text, spread


def numbered(count: int) -> list[Row]:
    return [row(f"row {n}") for n in range(count)]


class Shown(App[None]):
    CSS = "Rows { height: 4; border: round white; }"

    def compose(self) -> ComposeResult:
        yield Rows(id="rows")


def drawn(widget: Rows) -> list[str]:
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def test_rows_are_put_together_and_cut_by_cells() -> None:
    spans = row("ab", dim("通义"), "", Span("cd", "good"))
    assert row_text(spans) == "ab通义cd"
    assert row_text(cut(spans, 5)) == "ab通…"
    assert row_text(spread(row("left side"), row("right"), 12)) == "left … right"
    assert row_text(spread(row("l"), row("r"), 5)) == "l   r"


async def test_only_changed_rows_are_refreshed() -> None:
    app = Shown()
    async with app.run_test(size=(20, 10)) as pilot:
        rows = app.query_one(Rows)
        rows.show(numbered(2))
        await pilot.pause()
        refreshed: list[Region] = []
        rows.refresh = lambda *regions, **_: refreshed.extend(regions)  # type: ignore[method-assign,assignment]
        rows.show([row("row 0"), row("changed")])
        assert refreshed == [Region(0, 1, rows.size.width, 1)]
        refreshed.clear()
        rows.show([row("row 0"), row("changed")])
        assert refreshed == []


async def test_a_changed_row_reaches_the_screen_inside_its_frame() -> None:
    app = Shown()
    async with app.run_test(size=(20, 10)) as pilot:
        rows = app.query_one(Rows)
        rows.show(numbered(2))
        await pilot.pause()
        rows.show([row("first"), row("row 1")])
        await pilot.pause()
        screen = app.screen._compositor.render_strips()
        assert "first" in screen[1].text


async def test_it_scrolls_as_far_as_there_are_rows() -> None:
    app = Shown()
    async with app.run_test(size=(20, 10)):
        rows = app.query_one(Rows)
        rows.show(numbered(5))
        assert rows.size.height == 2
        rows.move_to(99)
        assert drawn(rows) == ["row 3", "row 4"]
        rows.reveal(1)
        assert drawn(rows) == ["row 1", "row 2"]
        rows.show(numbered(2))
        assert drawn(rows) == ["row 0", "row 1"]
        rows.show(numbered(9), cursor=8, top=9)
        assert drawn(rows) == ["row 7", "row 8"]
        rows.move_to(-4)
        assert rows.top == 0


async def test_a_panel_draws_again_only_for_new_data_or_a_new_size() -> None:
    calls: list[int] = []

    def draw(data: int, width: int, height: int) -> list[Row]:
        calls.append(data)
        return [row(f"{data} in {width}")]

    class Paneled(App[None]):
        def compose(self) -> ComposeResult:
            yield Panel(draw, id="panel")

    app = Paneled()
    async with app.run_test(size=(20, 10)) as pilot:
        panel: Panel[int] = app.query_one("#panel", Panel)
        panel.update(1)
        await pilot.pause()
        calls.clear()
        panel.update(1)
        assert calls == []
        await pilot.resize_terminal(30, 10)
        await pilot.pause()
        assert drawn(panel) == ["1 in 30"]


def test_what_fits_whole_stands_in_the_row() -> None:
    parts = [row("one"), row(dim("two")), row("three")]
    assert row_text(fitting(parts, 20)) == "one   two   three"
    assert row_text(fitting(parts, 16)) == "one   two"
    assert row_text(fitting(parts, 2)) == "o…"
    assert fitting([], 10) == ()
