"""Procedural subjects with the true motion of every point, an anatomy a folder.

An anatomy draws its subjects and writes them in the layout of a real data set. `texture.py` paints the tissue of all,
`acquisition.py` is their scanner, `fill.py` fills a folder with them.
"""
