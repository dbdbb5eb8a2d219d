"""An OTLP receiver for tests, on the packages opentelemetry-proto and grpcio: metrics over HTTP and gRPC.

Prints the ports of HTTP and gRPC, then serves until its standard input ends. GET /points shows every data point
that came, in the order in which they came, as JSON. POST /behave takes {"busy": N}: the next N requests are turned
away for now; {"reject": V}: points with the value V are left out and reported as a partial success.
"""

import gzip
import json
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
behaviour = {"busy": 0, "reject": None}


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
        response = receive(request)
        if response is None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "busy")
        return response


def main():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    rpc = grpc.server(ThreadPoolExecutor(max_workers=4))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Grpc(), rpc)
    port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    print(http.server_port, port, flush=True)
    sys.stdin.read()


main()
