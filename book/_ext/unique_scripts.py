"""Sphinx extension: load every script once, though several extensions ask for the same one."""


def keep_first(app, page, template, context, doctree):
    scripts = {}
    for script in context["script_files"]:
        body = script.attributes.get("body")
        scripts.setdefault((script.filename or "", body), script)
    context["script_files"] = list(scripts.values())


def setup(app):
    app.connect("html-page-context", keep_first, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
