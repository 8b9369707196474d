"""One request under a profiler.

Python and not Rust, because ``runctx`` takes source text and the names in it.
"""
import time


def call(request, env, start_response, runctx, dump):
    names = {"request": request, "env": env, "start_response": start_response, "result": []}
    what = env.get("REQUEST_METHOD", "") + env.get("PATH_INFO", "")
    # What a client sends need not be the name of a file.
    what = what.replace("/", "_").replace("\0", "_")[:100]
    filename = f"{dump}_{what}.{time.time()}.profile"
    runctx("result.append(request(env, start_response))", names, names, filename=filename)
    return names["result"][0]
