"""Pages of the documentation site that are generated: notebooks, interface, command line, layout of the code."""

import ast
import io
import os
from contextlib import redirect_stdout, suppress
from importlib import import_module
from inspect import ismethod
from pathlib import Path
from textwrap import indent
from unittest.mock import patch

import nbformat
from nbconvert import MarkdownExporter
from PIL import Image

import cupynn
from cupynn import cli, commands

ROOT = Path(__file__).parents[1]

# Text that cells put out, in blocks of a class of their own.
TEMPLATE = """\
{%- extends 'markdown/index.md.j2' -%}
{%- macro block(text) %}

```{ .text .output }
{{ text.rstrip() }}
```

{% endmacro -%}
{%- block stream %}{{ block(output.text | strip_ansi) }}{% endblock stream -%}
{%- block data_text %}{{ block(output.data['text/plain']) }}{% endblock data_text -%}
"""

LAYOUT = """\
# How the code is laid out

Each folder has one purpose, and a single file is shared by many folders or imported by users. Folders and files import only
from those above them in this table, which `tests/house/test_tree.py` checks. [Contributing](contributing.md) says what a
change needs.

| folder or file | contents |
|---|---|
"""


def notebooks():
    """Return the pages of the notebooks, their pictures and their gallery: content by name in notebooks/."""
    exporter, files, cards = MarkdownExporter(raw_template=TEMPLATE), {}, []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        text, resources = exporter.from_notebook_node(notebook, {"output_files_dir": path.stem})
        pictures = resources["outputs"]
        files |= {f"{path.stem}.md": text.replace("![png](", "![Output of this cell]("), **pictures}
        if pictures:
            files[f"{path.stem}.png"] = _thumbnail(pictures.values())
        cards.append(_card(path.stem, notebook, bool(pictures)))
    files["index.md"] = "\n".join(["# Notebooks", "", '<div class="grid cards gallery" markdown>', "", *cards, "</div>", ""])
    return files


def _thumbnail(pictures):
    """Return the largest of some PNG pictures, reduced."""
    opened, reduced = [Image.open(io.BytesIO(picture)) for picture in pictures], io.BytesIO()
    largest = max(opened, key=lambda picture: picture.width * picture.height)
    largest.thumbnail((560, 560))
    largest.save(reduced, "PNG", optimize=True)
    return reduced.getvalue()


def _card(stem, notebook, has_thumbnail):
    """Return an entry of the gallery: title, thumbnail (or first printed lines) and first paragraph of a notebook."""
    title, text = notebook.cells[0].source.removeprefix("# ").split("\n\n")[:2]
    if has_thumbnail:
        shown = f"[![{title}]({stem}.png)]({stem}.md)"
    else:
        printed = [output.text for cell in notebook.cells for output in cell.get("outputs", ()) if "text" in output]
        shown = "\n".join(["```{ .text .output }", *"".join(printed).splitlines()[:8], "```"])
    return f"-   **[{title}]({stem}.md)**\n\n{indent(shown, '    ')}\n\n    {' '.join(text.split())}\n"


def interface():
    """Return a page for each public module, and one for the names that `cupynn` itself offers."""
    pages = {}
    for name in cupynn._MODULES:
        module = import_module(f"cupynn.{name}")
        public = {each: getattr(module, each) for each in getattr(module, "__all__", ())}
        hidden = [one for each, one in public.items() if _is_hidden(one, f"{module.__name__}.{each}")]
        pages[f"{name}.md"] = f"::: {module.__name__}\n\n" + _objects(hidden)
    own = [getattr(cupynn, name) for name in cupynn._HOMES]
    return pages | {"cupynn.md": "# cupynn\n\nImport these names from `cupynn` itself.\n\n" + _objects(own)}


def _is_hidden(one, path):
    """Return whether griffe does not find an object by its path: a module has its name, or it is a method of a class."""
    return ismethod(one) or getattr(one, "__module__", "") == path


def _objects(objects):
    """Return the directives that document classes and functions one by one."""
    options = "{heading_level: 2, show_root_full_path: false, inherited_members: true}"
    homes = [f"{one.__self__.__module__}.{one.__self__.__name__}" if ismethod(one) else one.__module__ for one in objects]
    return "\n".join(
        f"::: {home}.{one.__name__}\n    options: {options}\n" for home, one in zip(homes, objects, strict=True)
    )


def command_line():
    """Return the page of the help texts."""
    parts = ["# Command line"]
    for name in ("", *commands.COMMANDS):
        with redirect_stdout(io.StringIO()) as out, suppress(SystemExit), patch.dict(os.environ, COLUMNS="100"):
            cli.main([*name.split(), "--help"])
        parts += [f"## cupynn {name}".rstrip(), f"```text\n{out.getvalue()}```"]
    return "\n\n".join(parts)


def layout():
    """Return the page of folders and files, in the order that the tests check, with the beginnings of their docstrings."""
    tree = ast.parse((ROOT / "tests" / "house" / "test_tree.py").read_text(encoding="utf-8"))
    assigned = {node.targets[0].id: node.value for node in tree.body if isinstance(node, ast.Assign)}
    return LAYOUT + "".join(_line(name) for floor in ast.literal_eval(assigned["ORDER"]) for name in floor)


def _line(name):
    """Return the line of a folder or file."""
    places = (f"cupynn/{name}/__init__.py", f"{name}/__init__.py", f"cupynn/{name}.py")
    path = next(place for place in places if (ROOT / place).exists())
    text = ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))).split("\n\n")[0]
    shown = f"`{path.removesuffix('__init__.py')}`"
    shown = f"[{shown}](interface/{name}.md)" if name in cupynn._MODULES else shown
    return f"| {shown} | {' '.join(text.split())} |\n"
