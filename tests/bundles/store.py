#!/usr/bin/python3
"""OpenStack Swift with its S3 interface, whole, in one process: `store.py FOLDER PORT BUCKET`.

A real object store with a real check of Signature Version 4, out of Debian's packages: proxy, account, container and object
servers, one device, one replica, one account. Access key `test:tester`, secret `testing`. It ends with its parent.
"""
import ctypes
import os
import signal
import sys

import eventlet

eventlet.monkey_patch()
import eventlet.wsgi  # noqa: E402
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.swob import Request  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

PROXY = """
[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
"""
STORE = """
[DEFAULT]
devices = {folder}/devices
swift_dir = {folder}
mount_check = false
bind_port = {port}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""


class Cache:
    """In place of memcached, which Swift keeps tokens and listings in: one process needs no other."""

    def __init__(self):
        self.kept = {}

    def get(self, key, *_, **__):
        return self.kept.get(key)

    def set(self, key, value, *_, **__):
        self.kept[key] = value

    def delete(self, key, *_, **__):
        self.kept.pop(key, None)


def cached(app):
    cache = Cache()
    def one(environ, start):
        environ["swift.cache"] = cache
        return app(environ, start)

    return one


def serve(listener, kind, text, folder):
    path = os.path.join(folder, kind + "-server.conf")
    with open(path, "w") as file:
        file.write(text)
    app = cached(loadapp(path))
    eventlet.spawn(eventlet.wsgi.server, listener, app, log=open(os.path.join(folder, kind + ".log"), "w"))
    return app


def main():
    folder, port, bucket = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    # Linux: the kernel ends this process when the one that started it dies, however it dies.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.makedirs(os.path.join(folder, "devices", "d1"), exist_ok=True)
    for kind in ("account", "container", "object"):
        listener = eventlet.listen(("127.0.0.1", 0))
        own = listener.getsockname()[1]
        builder = RingBuilder(2, 1, 0)
        builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": own, "device": "d1", "weight": 1})
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, kind + ".ring.gz"))
        serve(listener, kind, STORE.format(folder=folder, port=own, kind=kind), folder)
    proxy = serve(eventlet.listen(("127.0.0.1", port)), "proxy", PROXY.format(folder=folder), folder)
    allowed = {"swift.authorize_override": True, "swift.authorize": lambda request: None}
    made = Request.blank("/v1/AUTH_test/" + bucket, method="PUT", environ=allowed).get_response(proxy)
    print("ready" if made.is_success else made, flush=True)
    while True:
        eventlet.sleep(3600)


main()
