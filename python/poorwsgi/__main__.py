"""``python -m poorwsgi``: the command line."""
from poorwsgi.cli import main

main()
