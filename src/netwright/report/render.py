"""A matplotlib figure as PNG, and as inline SVG with the colors and typeface of the page."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from netwright.core.palette import dark_of_light
from netwright.core.text import printable

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_DARK = dark_of_light()


def png(figure: Figure) -> bytes:
    """The figure on white paper, at 160 dots per inch."""
    FigureCanvasAgg(figure)
    _make_printable(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=160, metadata={"Software": None})
    return stream.getvalue()


def svg(figure: Figure, *, name: str, alt: str) -> str:
    """The figure as an `<svg>` element for the page.

    Colors of the palette become CSS variables (`css_variables`), so that the drawing follows the page's
    light or dark scheme; ids are prefixed with `name`, so that several figures can share a page.
    """
    FigureCanvasSVG(figure)
    _make_printable(figure)
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    figure.set_layout_engine("none")  # keeps the layout of the PNG, which halves the drawing time
    root = ET.fromstring(stream.getvalue())
    for child in list(root):
        if child.tag.endswith("metadata"):
            root.remove(child)
    for parent in root.iter(f"{{{_SVG}}}defs"):
        for sheet in parent.findall(f"{{{_SVG}}}style"):
            parent.remove(sheet)
    for element in root.iter():
        _adopt(element, name)
    width, height = root.attrib.pop("width"), root.attrib.pop("height")
    root.set("style", f"max-width: {float(width.removesuffix('pt')) * 4 / 3:.0f}px")
    assert height.endswith("pt")
    root.set("class", "plot")
    root.set("role", "img")
    root.set("aria-label", alt)
    return ET.tostring(root, encoding="unicode")


def _make_printable(figure: Figure) -> None:
    """Names in a figure without control characters, which XML forbids."""
    for text in figure.findobj(Text):
        if (shown := printable(text.get_text(), lines=True)) != text.get_text():
            text.set_text(shown)


def css_variables(*, dark: bool) -> str:
    """CSS declarations of the palette's colors for the light or the dark scheme."""
    return " ".join(f"{_variable(light)}: {d if dark else light};" for light, d in _DARK.items())


def _adopt(element: ET.Element, name: str) -> None:
    element.tag = element.tag.removeprefix(f"{{{_SVG}}}")
    for key, value in list(element.attrib.items()):
        if key == "id":
            element.set(key, f"{name}-{value}")
        elif key == f"{{{_XLINK}}}href":
            del element.attrib[key]
            element.set("href", value.replace("#", f"#{name}-", 1))
        else:
            value = value.replace("url(#", f"url(#{name}-")
            for light in _DARK:
                value = value.replace(light, f"var({_variable(light)})")
            element.set(key, value)
    if "style" not in element.attrib and "fill" in element.attrib:  # var() works in CSS, not in attributes
        element.set("style", f"fill: {element.attrib.pop('fill')}")


def _variable(light: str) -> str:
    return f"--c{light[1:]}"
