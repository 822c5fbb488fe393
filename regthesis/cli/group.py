"""The group of all commands."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="regthesis")
def main():
    """The executable edition of a thesis on learned image registration."""
