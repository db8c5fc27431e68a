"""What the documentation site takes from outside docs/, and how links lead there. A hook of MkDocs.

Pages are written to be read in the repository too, so links go by the repository's layout: to a page here, to a mounted
page (experiments, contributing, ...), or to any other file, which becomes a link to the repository. A link to nothing
stays as it is, and `mkdocs build --strict` fails on it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
#: what else the site shows, at the place it has in the repository
MOUNTED = (
    "CONTRIBUTING.md", "CHANGELOG.md", "experiments/README.md", "experiments/*/README.md", "experiments/*/*.png",
    "experiments/*/results/*.md", "bench/README.md", "bench/results/*.md",
)  # fmt: skip
_LINK = re.compile(r"(\]\()([^)\s#:]+)((?:#[^)\s]*)?\))")
_FENCE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)


def on_config(config):
    """Pages of docs/ that the navigation does not name are still to be found: under "More"."""
    docs = Path(config.docs_dir)
    named = set(_named(config.nav))
    rest = [path.relative_to(docs).as_posix() for path in sorted(docs.rglob("*.md"))]
    if rest := [name for name in rest if name not in named]:
        config.nav = [*config.nav, {"More": rest}]
    return config


def _named(nav):
    for item in nav if isinstance(nav, list) else nav.values():
        if isinstance(item, str):
            yield item
        else:
            yield from _named(item)


def on_files(files, config):
    """Mount them."""
    for pattern in MOUNTED:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links by the repository's layout become the site's."""
    source = page.file.src_uri
    mounted = (ROOT / source).is_file() and not (ROOT / "docs" / source).is_file()
    folder = posixpath.dirname(source if mounted else f"docs/{source}")
    here = posixpath.dirname(source)

    def lead(match):
        target = posixpath.normpath(posixpath.join(folder, match[2]))
        for place in (target, f"{target}/README.md", f"{target}/index.md"):
            place = place.removeprefix("docs/")
            if (file := files.get_file_from_path(place)) is not None:
                return f"{match[1]}{posixpath.relpath(file.src_uri, here or '.')}{match[3]}"
        if not target.startswith("..") and (ROOT / target).exists():
            kind = "tree" if (ROOT / target).is_dir() else "blob"
            return f"{match[1]}{config.repo_url.rstrip('/')}/{kind}/main/{target}{match[3]}"
        return match[0]

    parts = _FENCE.split(markdown)
    return "".join(part if k % 2 else _LINK.sub(lead, part) for k, part in enumerate(parts))
