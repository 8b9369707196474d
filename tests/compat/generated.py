"""Random input, to find differences that nobody thought of. Each function returns one call of a probe."""
import json
import string

WORDS = ("a", "b", "name", "text/html", "utf-8", "x-y", "1", "0", "value", "bytes", "Zone", "gzip", "\u017elu\u0165", "", "some words", "50%", "a.b", "_")
NAMES = ("a", "b", "file", "none", "\u017e")


def text(random, alphabet, longest=12):
    return "".join(random.choice(alphabet) for _ in range(random.randrange(longest)))


def header(random):
    pieces = [random.choice(WORDS)]
    for _ in range(random.randrange(4)):
        value = random.choice([random.choice(WORDS), f'"{random.choice(WORDS)}"', '"' + text(random, "ab;= '") + '"', text(random, "ab= '")])
        pieces.append(random.choice(WORDS) + random.choice(["=", "=", "=", " = ", ""]) + value)
    return "headers.call", ("parse_header", random.choice([";", "; ", " ; "]).join(pieces))


def negotiation(random):
    # items are not empty, because empty ones differ
    values = [(random.choice(WORDS).strip() or "a") + random.choice(["", "", f";q={random.randrange(1, 10) / 10}", ";q=1"]) for _ in range(random.randrange(5))]
    return "headers.call", ("parse_negotiation", ",".join(values))


def range_of_bytes(random):
    def one():
        first = random.randrange(50)
        return random.choice([f"{first}-{first + random.randrange(50)}", f"{first}-", f"-{1 + random.randrange(50)}"])
    return "headers.call", ("parse_range", "bytes=" + ",".join(one() for _ in range(random.randrange(1, 4))))


def header_map(random):
    name = lambda: random.choice(["X-A", "x-a", "X-B", "Set-Cookie", "Content-Type"])
    value = lambda: random.choice(["1", "two words", "\u017e", "", "a; b=c"])
    steps = {"set": lambda: (name(), value()), "add": lambda: (name(), value()), "del": lambda: (name(),), "get_all": lambda: (name(),), "get": lambda: (name(), None),
             "setdefault": lambda: (name(), value()), "in": lambda: (name(),), "add_header": lambda: (name(), value()), "items": tuple, "len": tuple, "names": tuple}
    chosen = [random.choice(list(steps)) for _ in range(random.randrange(1, 12))]
    initial = [(name(), value()) for _ in range(random.randrange(3))]
    return "headers.operations", (initial, True, [(step, *steps[step]()) for step in chosen])


def query(random):
    return "forms.query", (encoded(random),)


def urlencoded(random):
    return "forms.form", ("application/x-www-form-urlencoded", encoded(random).encode())


def encoded(random):
    pairs = []
    for _ in range(random.randrange(6)):
        value = text(random, "ab12+%25C5BE=.-", 8).replace("%", random.choice(["%25", "%C5%BE", "%", "%20"]))
        pairs.append(f"{random.choice(['a', 'b', 'name', '%C5%BE', 'a%20b', 'x[]'])}={value or 'v'}")
    return "&".join(pairs)


def multipart(random):
    boundary = random.choice(["xyz", "----WebKitFormBoundary7MA4YWxkTrZu0gW", "a b'c", "=_x"])
    parts = []
    for _ in range(random.randrange(5)):
        file = random.random() < 0.4
        content = bytes(random.choice(b"ab\r\n-\xff0") for _ in range(random.choice([0, 1, 5, 30, 3000])))
        lines = [f'Content-Disposition: form-data; name="{random.choice(NAMES)}"' + (f'; filename="{random.choice(["f.txt", "a b.bin", "z.gif"])}"' if file else "")]
        if file or random.random() < 0.2:
            lines.append(f"Content-Type: {random.choice(['text/plain', 'image/gif', 'application/octet-stream', 'text/plain; charset=utf-8'])}")
        parts.append(f"--{boundary}\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n")
    return "forms.form", (f'multipart/form-data; boundary="{boundary}"', b"".join(parts) + f"--{boundary}--\r\n".encode())


def upload(random):
    _, (content_type, body) = multipart(random)
    return "forms.upload", (content_type, body)


def json_text(random, depth=0):
    kind = random.randrange(8 if depth < 4 else 6)
    if kind == 0:
        return random.choice(["null", "true", "false"])
    if kind in (1, 2):
        return random.choice([str(random.randrange(-10**random.randrange(1, 25), 10**random.randrange(1, 25))), repr(random.uniform(-1e10, 1e10)), f"{random.random()}e{random.randrange(-330, 310)}"])
    if kind in (3, 4, 5):
        return json.dumps(text(random, string.printable + "\u017e\u20ac\U0001f600"), ensure_ascii=random.random() < 0.5)
    blank = random.choice(["", " ", "\n"])
    if kind == 6:
        return "[" + f",{blank}".join(json_text(random, depth + 1) for _ in range(random.randrange(1, 4))) + "]"
    return "{" + f",{blank}".join(f'"{random.choice(NAMES)}":{blank}{json_text(random, depth + 1)}' for _ in range(random.randrange(4))) + "}"


def json_value(random):
    raw = json_text(random)
    if random.random() < 0.3 and raw:  # damaged
        place = random.randrange(len(raw))
        raw = raw[:place] + random.choice(["", ",", "}", "[", '"', "x", "\\"]) + raw[place + random.randrange(2):]
    return "forms.json_value", (raw.encode("utf-8", "surrogatepass"),)


def environ(random):
    choices = {
        "PATH_INFO": ["/", "/a", "/a/b", "/%41", "/a b", "/\u017e".encode().decode("latin-1")], "SCRIPT_NAME": ["", "/app"], "QUERY_STRING": ["", "a=1", "a=1&a=2&b=%20"],
        "REQUEST_METHOD": ["GET", "HEAD", "OPTIONS", "DELETE", "PUT"], "HTTP_HOST": ["example.org", "example.org:8080", "10.0.0.1:443"], "SERVER_PORT": ["80", "443", "8080"],
        "wsgi.url_scheme": ["http", "https"], "HTTP_X_FORWARDED_FOR": ["1.2.3.4", "1.2.3.4, 5.6.7.8"], "HTTP_X_FORWARDED_HOST": ["other", "other:81"],
        "HTTP_X_FORWARDED_PORT": ["443", "8443"], "HTTP_X_FORWARDED_PROTO": ["http", "https"], "HTTP_ACCEPT": ["*/*", "text/html", "application/json,text/html;q=0.5", "application/xhtml+xml"],
        "HTTP_ACCEPT_ENCODING": ["gzip", "gzip,br;q=0.5"], "HTTP_ACCEPT_LANGUAGE": ["cs,en;q=0.7"], "HTTP_X_REQUESTED_WITH": ["XMLHttpRequest", "x"], "HTTP_USER_AGENT": ["tester/1"],
        "HTTP_REFERER": ["http://a/"], "HTTP_COOKIE": ["a=1", "a=1; b=2", 'a="x y"; c=d'], "CONTENT_TYPE": ["text/html; charset=utf-8", "text/plain", "application/x; a=b"],
        "HTTP_AUTHORIZATION": ["Basic abc=", 'Digest username="u", realm="r"', "Bearer ab=c"], "REMOTE_ADDR": ["127.0.0.1"], "REMOTE_HOST": ["client"], "SERVER_ADMIN": ["a@b"],
        "SERVER_SOFTWARE": ["s/1"], "SERVER_PROTOCOL": ["HTTP/1.0", "HTTP/1.1"], "poor_Debug": ["On", "Off"], "poor_SecretKey": ["k"], "app_x": ["1"], "HTTP_X_ANY": ["v"],
    }
    return "request.full", ({name: random.choice(values) for name, values in choices.items() if random.random() < 0.4},)


def routes(random):
    rules = ["/a", "/a/b", "/a/<x>", "/a/<n:int>", "/a/<n:float>", "/<x:word>", "/<x:word>/<n:int>", "/a/<x:re:[a-c]+>", "/<x>/b", "/a/<n:hex>", "/<x>/<y>/<z>", "/a/<u:uuid>"]
    steps = [("route", rule, 511) for rule in random.sample(rules, random.randrange(1, 6))]
    paths = ["/" + "/".join(random.choice(["a", "b", "abc", "12", "1.5", "-7", "ff", "x y", "", "123e4567-e89b-12d3-a456-426614174000"]) for _ in range(random.randrange(1, 4)))
             for _ in range(8)]
    return "wsgi.routing", (steps, [("GET", path) for path in paths])


def response(random):
    size = random.randrange(1, 40)
    first = random.randrange(size)
    ranges = random.choice([[(first, random.randrange(first, size + 5) or 1)], [(first, None)], [(None, random.randrange(1, size + 1))], []])
    return "response.build", ("Response", ("x" * size,), {"headers": {"X-A": "1"}}, [("make_partial", ranges)])


def handler(random):
    value = random.choice([text(random, string.printable, 30), text(random, "abc").encode(), {"a": random.random()}, [1, "x"], ("x",)])
    headers = random.choice([None, {"X-A": "1"}, [("X-A", "1"), ("X-A", "2")]])
    return "response.build", ("make_response", (value, random.choice(["text/plain", "text/html; charset=utf-8"]), headers, random.choice([200, 201, 404, 500])), {})


KINDS = {kind.__name__: kind for kind in (
    header, negotiation, range_of_bytes, header_map, query, urlencoded, multipart, upload, json_value, environ, routes, response, handler)}
