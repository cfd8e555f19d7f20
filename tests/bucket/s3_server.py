"""moto's server, in which a conditional put is atomic as it is in S3.

moto compares the ETag first and writes some steps later, in threads: of two puts over the same version, both
can succeed. Here puts wait for each other.
"""

import sys
import threading

from moto.server import create_backend_app
from werkzeug.serving import run_simple

# Only S3: moto's dispatcher looks for the service of each request, which takes longer than the request itself.
app = create_backend_app("s3")
one_at_a_time = threading.Lock()


def serialised(environ, start_response):
    if environ["REQUEST_METHOD"] != "PUT":
        return app(environ, start_response)
    with one_at_a_time:
        return list(app(environ, start_response))


run_simple(sys.argv[1], int(sys.argv[2]), serialised, threaded=True)
