"""A Flask application, which builds URLs by its own means."""
from flask import Flask, redirect, request, session, url_for

app = Flask(__name__)
app.config.update(SECRET_KEY="of the tests", SESSION_COOKIE_SECURE=True)


@app.route("/")
def seen():
    return {"address": request.remote_addr, "scheme": request.scheme, "url": url_for("x", _external=True),
            "fields": sorted(name for name in request.headers.keys() if "forwarded" in name.lower())}


@app.route("/x")
def x():
    return ""


@app.route("/away")
def away():
    return redirect(url_for("seen", _external=True))


@app.route("/secured")
def secured():
    if not request.is_secure:
        return redirect(f"https://{request.host.partition(':')[0]}/secured")
    return "secured"


@app.route("/visits")
def visits():
    session["visits"] = session.get("visits", 0) + 1
    return str(session["visits"])
