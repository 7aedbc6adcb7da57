"""Add to the documentation site what is not in docs/: MkDocs calls these functions as it builds.

Pages come from files elsewhere in the repository, and from `pages.py`. Links between files are written for the repository;
here they become links between pages. Formulas become MathML.
"""

import os
import re
import shutil
from html import unescape
from pathlib import Path

import pages
from latex2mathml.converter import convert as to_mathml
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]

# Pages of the site that are files outside docs/, by their paths in the repository.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    ".github/CONTRIBUTING.md": "contributing.md",
    "tests/bench/results/README.md": "results.md",
}
# Files and folders that a page takes the place of, when another page links to them.
INSTEAD = {"README.md": "index.md", "notebooks": "notebooks/index.md", "tests/bench/results": "results.md"}


@event_priority(100)  # before mkdocstrings looks for the folder
def on_config(config):
    """Copy the sources as they are installed, for griffe: in a checkout, layers/ and datasets/ are beside cupynn/."""
    sources = ROOT / "build" / "sources"
    shutil.rmtree(sources, ignore_errors=True)
    for folder, target in (("cupynn", "cupynn"), ("layers", "cupynn/layers"), ("datasets", "cupynn/datasets")):
        shutil.copytree(ROOT / folder, sources / target, ignore=shutil.ignore_patterns("__pycache__"))
    return config


def on_files(files, config):
    """Add the pages that are not in docs/."""
    added = {target: (ROOT / path).read_text(encoding="utf-8") for path, target in PAGES.items()}
    added |= {f"notebooks/{name}": content for name, content in pages.notebooks().items()}
    added |= {f"interface/{name}": content for name, content in pages.interface().items()}
    added |= {"command-line.md": pages.command_line(), "layout.md": pages.layout()}
    for name, content in added.items():
        files.append(File.generated(config, name, content=content))
    return files


def _target(path, files):
    """Return the page, or the file in docs/, that takes the place of a file of the repository."""
    if path in PAGES or path in INSTEAD:
        return PAGES.get(path) or INSTEAD[path]
    page = re.sub(r"\.ipynb$", ".md", path.removeprefix("docs/"))
    return page if files.get_file_from_path(page) else path


def on_page_markdown(markdown, page, config, files):
    """Turn links between files of the repository into links between pages. Other files are served as they are."""
    name = page.file.src_uri
    origin = {target: path for path, target in PAGES.items()}.get(name)
    origin = origin or (name if name.startswith("notebooks/") else f"docs/{name}")

    def replace(match):
        text, path, anchor = match[1], match[2], match[3] or ""
        path = os.path.normpath(os.path.join(os.path.dirname(origin), path))
        if path.startswith("..") or not (ROOT / path).exists():
            return match[0]  # of no file: mkdocs warns where it is of no page either
        target = _target(path, files)
        if not files.get_file_from_path(target):
            if (ROOT / path).is_dir() or path.endswith(".md"):
                return text[1:-1]
            files.append(File.generated(config, target, abs_src_path=str(ROOT / path)))
        return f"{text}({os.path.relpath(target, os.path.dirname(name))}{anchor})"

    return re.sub(r"(\[[^\]\n]*\])\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)", replace, markdown)


def on_page_content(html, **_):
    """Turn formulas into MathML; remove the dash after parameters that have no description."""
    inline = r'<span class="arithmatex">\\\((.*?)\\\)</span>'
    block = r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>'
    wide = '<div class="formula">{}</div>'.format
    html = re.sub(inline, lambda match: to_mathml(unescape(match[1])), html, flags=re.DOTALL)
    html = re.sub(block, lambda match: wide(to_mathml(unescape(match[1]), display="block")), html, flags=re.DOTALL)
    return re.sub(r'–\s*<div class="doc-md-description">\s*</div>', "", html)


def on_post_page(output, page, config):
    """Let the search work from files without a script from elsewhere."""
    return output.replace("https://unpkg.com/iframe-worker/shim", page.url.count("/") * "../" + "search_from_files.js")
