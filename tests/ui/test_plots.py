"""Pictures made of series."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET

from ui import plots
from ui.i18n import Translator
from ui.plots import Series

SPACE = "{http://www.w3.org/2000/svg}"


def _parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)


def test_a_falling_series_is_drawn_falling() -> None:
    picture = _parse(plots.lines([Series("training", [(0, 4.0), (10, 2.0), (20, 1.0)])], "step", "loss"))
    line = picture.find("polyline")
    assert line is not None
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights == sorted(heights)  # SVG's y grows downwards


def test_nothing_to_draw_gives_no_picture() -> None:
    assert plots.lines([Series("training", [])], "step", "loss") == ""
    assert plots.lines([Series("training", [(1, math.nan)])], "step", "loss") == ""
    assert plots.histogram([], [0, 1], "s", "clips") == ""


def test_a_single_point_is_visible() -> None:
    picture = plots.lines([Series("training", [(5, 2.5)])], "step", "loss")
    assert "<circle" in picture
    marks = [text.text for text in _parse(picture).findall("text")]
    assert {"5", "6"} <= set(marks) and "5.2" not in marks  # there is no update between two


def test_a_long_series_is_thinned_to_what_can_be_seen_and_keeps_its_ends_and_extremes() -> None:
    points = [(float(step), 3.0 + math.sin(step / 40)) for step in range(100_000)]
    points[12_345], points[67_890] = (12_345.0, 9.0), (67_890.0, -5.0)
    kept = plots.thin(points)
    assert 300 <= len(kept) <= 602 and kept == sorted(set(points) & set(kept))
    assert {points[0], points[-1], points[12_345], points[67_890]} <= set(kept)
    assert plots.thin(points[:600]) == points[:600]
    line = _parse(plots.lines([Series("training", points)], "step", "loss")).find("polyline")
    assert line is not None and len(line.attrib["points"].split()) == len(kept)


def test_every_value_lies_in_one_bar_of_the_histogram() -> None:
    picture = _parse(plots.histogram([3.0, 3.5, 4.0, 11.0], [3, 4, 5, 11], "s", "clips"))
    counts = [int(rect.findtext("title", "").split(": ")[1]) for rect in picture.findall("rect")]
    assert counts == [2, 1, 1]


def test_labels_of_close_lines_do_not_overlap() -> None:
    one = Series("training", [(0, 1.0), (9, 0.50)])
    two = Series("unseen", [(0, 1.1), (9, 0.51)], "second")
    labels = [t for t in _parse(plots.lines([one, two], "step", "loss")).findall("text") if "class" in t.attrib]
    heights = [float(label.attrib["y"]) for label in labels]
    assert abs(heights[0] - heights[1]) >= 14


def test_the_label_of_a_line_that_ends_early_stands_clear_of_the_other_line_and_inside() -> None:
    long = Series("learning", [(0, 3.0), (40, 1.0)])
    early = Series("unseen", [(0, 3.0), (10, 0.9)], "second")  # both labels wish to stand at the bottom
    picture = _parse(plots.lines([long, early], "step", "loss"))
    drawn = [
        float(point.split(",")[0]) for line in picture.findall("polyline") for point in line.attrib["points"].split()
    ]
    labels = [text for text in picture.findall("text") if "class" in text.attrib]
    assert len(labels) == 2
    assert all(float(label.attrib["x"]) > max(drawn) for label in labels)
    assert all(plots.TOP < float(label.attrib["y"]) <= plots.HEIGHT - plots.BOTTOM for label in labels)


def test_names_from_outside_are_escaped() -> None:
    assert "<script>" not in plots.lines([Series("<script>", [(0, 1), (1, 2)])], "step", "loss")


def test_numbers_on_the_axes_are_written_as_the_language_does() -> None:
    series = [Series("treino", [(0, 0.1), (10, 0.9)])]
    texts = [
        entry.text for entry in _parse(plots.lines(series, "a", "b", write=Translator("pt-BR").plain)).findall("text")
    ]
    assert "0,5" in texts
    assert not [text for text in texts if text and "." in text]


def test_the_scale_of_a_level_line_tells_its_size() -> None:
    picture = plots.lines([Series("rate", [(1, 0.001), (40, 0.001)])], "step", "rate")
    numbers = [
        float(text.text or "") for text in _parse(picture).findall("text") if (text.text or "").startswith("0.0")
    ]
    assert 0.001 in numbers and all(0.0005 < number < 0.002 for number in numbers)


def test_a_long_label_ends_at_the_edge_instead_of_being_cut_off() -> None:
    picture = plots.lines([Series("Second, with a faster rate", [(1, 1.0), (40, 0.5)])], "step", "rate")
    (label,) = (text for text in _parse(picture).findall("text") if "class" in text.attrib)
    assert label.attrib["text-anchor"] == "end" and float(label.attrib["x"]) <= plots.WIDTH
