"""Serves the function of package sdks with StateFun's SDK for Python."""

import argparse
import asyncio
import os
import sys
import threading

from aiohttp import web
from statefun import RequestReplyHandler, StatefulFunctions

from program import bind_program


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--namespace", default="python")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", action="append", default=[])
    return parser.parse_args()


async def serve(options):
    functions = StatefulFunctions()
    bind_program(functions, options.namespace, options.state)
    handler = RequestReplyHandler(functions)

    async def handle(request):
        answer = await handler.handle_async(await request.read())
        return web.Response(body=answer, content_type="application/octet-stream")

    application = web.Application()
    application.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port)
    await site.start()
    print("listening 127.0.0.1:%d" % runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def end_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(serve(parse()))
