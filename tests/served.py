"""The demo application as a module, for servers in separate processes."""
from demo_app import build

app, _ = build("served")
