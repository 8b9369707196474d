from poorwsgi.response import abort as abort
from poorwsgi.response import make_response as make_response
from poorwsgi.response import redirect as redirect
from poorwsgi.wsgi import Application as Application

__all__ = ["Application", "abort", "make_response", "redirect"]
