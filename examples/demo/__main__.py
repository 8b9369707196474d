"""The demo on the built-in server: python -m examples.demo [HOST:PORT]"""
import logging
import sys

from poorwsgi.server import run

from . import app

logging.basicConfig(level=logging.INFO)
run(app, sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8080")
