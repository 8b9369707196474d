"""Files of a directory, with an index; downloads with conditions and ranges; a file from elsewhere.

    poorwsgi run document_root:app        # in the folder of this file
    python document_root.py 127.0.0.1:8080        # the same; the address is HOST:PORT, or unix:PATH
    curl http://127.0.0.1:8080/
    curl -r 0-99 http://127.0.0.1:8080/hello.py
"""
import sys
from pathlib import Path

from poorwsgi import Application
from poorwsgi.response import FileResponse
from poorwsgi.server import run

HERE = Path(__file__).resolve().parent

app = Application("document_root")
# Every file below it is public. Nothing outside of it is.
app.document_root = str(HERE)
app.document_index = True


@app.route("/download")  # routes come before files
def download(_req):
    return FileResponse(__file__, headers={"Content-Disposition": 'attachment; filename="example.py"'})


if __name__ == "__main__":
    run(app, *sys.argv[1:2])
