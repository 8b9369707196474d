"""wsgidav for the folder that DAV_FOLDER names, without login, with locks and properties."""
import os

from wsgidav.wsgidav_app import WsgiDAVApp

app = WsgiDAVApp({
    "provider_mapping": {"/": os.environ["DAV_FOLDER"]},
    "simple_dc": {"user_mapping": {"*": True}},
    "lock_storage": True,
    "property_manager": True,
    "verbose": 1,
})
