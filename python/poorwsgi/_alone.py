"""Raises ImportError if the distribution ``poorwsgi`` is installed, too: it installs a package of the same
name into the same folder.

Where both distributions have a file with the same path, only the one that was installed last exists, so the
package would be a mixture of both. Only ``poorwsgi.wsgi`` differs: a folder here and a file there. Python
prefers the folder, so this module is imported in either case: by our ``poorwsgi``, or by our
``poorwsgi.wsgi`` when the other ``poorwsgi`` imports it.
"""
import os.path

if os.path.exists(os.path.join(os.path.dirname(__file__), "wsgi.py")):
    raise ImportError(
        "the distributions poorwsgi and poorwsgi-rs are both installed, and have overwritten each other's files. "
        "To keep the engine in Rust, remove both and install it again: "
        "pip uninstall poorwsgi poorwsgi-rs && pip install poorwsgi-rs. "
        "To keep the other one: pip uninstall poorwsgi poorwsgi-rs && pip install poorwsgi"
    )
