"""Refuses to work beside the distribution ``poorwsgi``, which installs a package of the same name into the same folder.

Of files with the same path the one that was installed last is there: half of that package and half of this one. What
is in neither other's way is ``poorwsgi.wsgi``, a folder here and a file there. Python takes the folder, so this module
is asked in either order: by our ``poorwsgi``, or by our ``poorwsgi.wsgi`` when the other ``poorwsgi`` imports it.
"""
import os.path

if os.path.exists(os.path.join(os.path.dirname(__file__), "wsgi.py")):
    raise ImportError(
        "the distributions poorwsgi and poorwsgi-rs are both installed, and have overwritten each other's files. "
        "To keep the engine in Rust, remove both and install it again: "
        "pip uninstall poorwsgi poorwsgi-rs && pip install poorwsgi-rs. "
        "To keep the other one: pip uninstall poorwsgi poorwsgi-rs && pip install poorwsgi"
    )
