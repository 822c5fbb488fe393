"""Sphinx extension: load every script once, though several extensions ask for the same file."""


def keep_first(app, page, template, context, doctree):
    unique = {getattr(script, "filename", script): script for script in reversed(context["script_files"])}
    context["script_files"] = list(reversed(unique.values()))


def setup(app):
    app.connect("html-page-context", keep_first, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
