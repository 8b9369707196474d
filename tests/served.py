"""The demo application as a module, for servers that are processes of their own."""
from demo_app import build

app, _ = build("served")
