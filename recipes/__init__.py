"""Scripts and recipes a person starts.

A package, because torchtune installs one of the same name that refuses to be imported, and a
folder without this file would not be found before it.
"""
