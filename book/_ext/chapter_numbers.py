"""Sphinx extension: `chapters/02_background` is chapter 2, as in the thesis, with or without a chapter 1."""

import re

from docutils import nodes
from sphinx_external_toc.collectors import TocTreeCollectorWithStyles as Collector


def number_as_named(assign_section_numbers):
    def assign(self, env):
        rewrite = assign_section_numbers(self, env)
        for page, sections in env.toc_secnumbers.items():
            if chapter := re.match(r"chapters/0*(\d+)_", page):
                _renumber(env, page, sections, int(chapter[1]))
        return rewrite

    return assign


def _renumber(env, page, sections, chapter):
    for anchor, number in sections.items():
        sections[anchor] = number and (chapter, *number[1:])
    for entry in [env.titles[page], *env.tocs[page].findall(nodes.reference)]:
        if entry.get("secnumber"):
            entry["secnumber"] = [chapter, *entry["secnumber"][1:]]


def setup(app):
    Collector.assign_section_numbers = number_as_named(Collector.assign_section_numbers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
