"""The application."""
from poorwsgi._poorwsgi import Application

__all__ = ["Application"]
