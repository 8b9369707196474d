"""One request under a profiler.

Python and not Rust, because ``runctx`` takes source text and the names in it.
"""
import time


def call(request, env, start_response, runctx, dump):
    names = {"request": request, "env": env, "start_response": start_response, "result": []}
    path = env.get("PATH_INFO", "").replace("/", "_")
    filename = f"{dump}_{env.get('REQUEST_METHOD', '')}{path}.{time.time()}.profile"
    runctx("result.append(request(env, start_response))", names, names, filename=filename)
    return names["result"][0]
