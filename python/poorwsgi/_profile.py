"""Calls the application for one request under a profiler.

Written in Python, because ``runctx`` takes Python source and its names.
"""
import time


def call(request, env, start_response, runctx, dump):
    names = {"request": request, "env": env, "start_response": start_response, "result": []}
    what = env.get("REQUEST_METHOD", "") + env.get("PATH_INFO", "")
    # The path comes from the client, and need not be a valid file name.
    what = what.replace("/", "_").replace("\0", "_")[:100]
    filename = f"{dump}_{what}.{time.time()}.profile"
    runctx("result.append(request(env, start_response))", names, names, filename=filename)
    return names["result"][0]
