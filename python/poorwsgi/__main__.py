"""``python -m poorwsgi``: the command line."""
from poorwsgi.cli import main

if __name__ == "__main__":
    main()
