"""An application of nothing but WSGI."""
import json
from http.cookies import SimpleCookie
from wsgiref.util import application_uri


def app(environ, start_response):
    url, headers, status, content = application_uri(environ), [("Content-Type", "text/plain")], "200 OK", "secured"
    if environ["PATH_INFO"] == "/":
        content = json.dumps({"address": environ["REMOTE_ADDR"], "scheme": environ["wsgi.url_scheme"], "url": url + "x",
                              "fields": sorted(name[5:].replace("_", "-") for name in environ if "FORWARDED" in name)})
    elif environ["PATH_INFO"] == "/away":
        status = "302 Found"
        headers.append(("Location", url))
    elif environ["PATH_INFO"] == "/secured" and environ.get("HTTPS") != "on":
        status = "302 Found"
        headers.append(("Location", f"https://{environ['HTTP_HOST'].partition(':')[0]}/secured"))
    elif environ["PATH_INFO"] == "/visits":
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
        content = str(1 + (int(cookies["visits"].value) if "visits" in cookies else 0))
        headers.append(("Set-Cookie", f"visits={content}; Secure"))
    start_response(status, headers)
    return [content.encode()]
