"""An OTLP receiver for tests, on the packages opentelemetry-proto and grpcio: metrics over HTTP and gRPC.

Prints the ports of control, HTTP and gRPC, then serves until its standard input ends. An argument names a folder
with ca.pem, server.pem and server.key: HTTP and gRPC are then over TLS, for clients with a certificate only.

Control is HTTP without TLS. GET /points shows every data point that came, in the order in which they came, as JSON.
POST /behave takes {"busy": N}: the next N requests are turned away for now; {"reject": V}: points with the value V
are left out and reported as a partial success; {"authorization": "..."}: the header that requests must have.
"""

import gzip
import json
import pathlib
import ssl
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc

Request = metrics_service_pb2.ExportMetricsServiceRequest
Response = metrics_service_pb2.ExportMetricsServiceResponse

lock = threading.Lock()
points = []
requests = 0
behaviour = {"busy": 0, "reject": None, "authorization": None}


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def points_of(request):
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    yield {
                        "resource": attributes(resource.resource.attributes),
                        "metric": metric.name,
                        "unit": metric.unit,
                        "kind": kind,
                        "attributes": attributes(point.attributes),
                        "ms": point.time_unix_nano // 1_000_000,
                        "start": point.start_time_unix_nano // 1_000_000,
                        "value": getattr(point, point.WhichOneof("value")) if point.WhichOneof("value") else None,
                        "flags": point.flags,
                    }


def receive(request):
    """The answer, or None where the receiver is busy."""
    global requests
    with lock:
        if behaviour["busy"] > 0:
            behaviour["busy"] -= 1
            return None
        requests += 1
        new = [{"request": requests, **point} for point in points_of(request)]
        taken = [point for point in new if point["value"] is None or point["value"] != behaviour["reject"]]
        points.extend(taken)
        response = Response()
        if len(taken) < len(new):
            response.partial_success.rejected_data_points = len(new) - len(taken)
            response.partial_success.error_message = "not that value"
        return response


def barred(authorization):
    return behaviour["authorization"] not in (None, authorization)


class Http(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body, content_type="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            body = json.dumps(points).encode()
        self.answer(200, body)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/behave":
            with lock:
                behaviour.update(json.loads(body))
            return self.answer(200, b"{}")
        if self.path != "/v1/metrics" or self.headers["Content-Type"] != "application/x-protobuf":
            return self.answer(400, b"")
        if barred(self.headers.get("Authorization")):
            return self.answer(401, b"")
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        response = receive(Request.FromString(body))
        if response is None:
            return self.answer(503, b"")
        self.answer(200, response.SerializeToString(), "application/x-protobuf")

    def log_message(self, *_):
        pass


class Grpc(metrics_service_pb2_grpc.MetricsServiceServicer):
    def Export(self, request, context):
        if barred(dict(context.invocation_metadata()).get("authorization")):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who is it?")
        response = receive(request)
        if response is None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        return response


def serve_http(tls=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    server.daemon_threads = True
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tls / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(tls / "server.pem", tls / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def serve_grpc(tls=None):
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Grpc(), server)
    if tls:
        read = lambda name: (tls / name).read_bytes()
        own = [(read("server.key"), read("server.pem"))]
        credentials = grpc.ssl_server_credentials(own, read("ca.pem"), require_client_auth=True)
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main():
    tls = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else None
    server, port = serve_grpc(tls)
    print(serve_http(), serve_http(tls), port, flush=True)
    sys.stdin.read()
    server.stop(None)


main()
