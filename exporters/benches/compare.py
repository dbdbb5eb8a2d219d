#!/usr/bin/env python3
"""Bytes on disk per sample of Prometheus in agent mode and of vmagent, while their receiver is down.

usage: compare.py PREFIX [POLLS]

PREFIX names a workload as `cargo bench --bench buffer -- PREFIX` reads it; the first POLLS polls of it (2000 where none
are named) are pushed to both by remote-write, each poll as one request with its own times, as fast as they take them.
vmagent then packs more polls into a block than at one poll every 30 s, which is to its advantage.
Needs `prometheus` and `vmagent` (Debian packages prometheus and victoria-metrics). Listens on 127.0.0.1 alone.
"""
import array, http.client, json, math, os, pathlib, shutil, struct, subprocess, sys, tempfile, time

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent.parent / "tests"))
from ports import free_port


def varint(number):
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A length-delimited protobuf field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def labels(series):
    pairs = {"__name__": series["metric"], **series["labels"]}
    pairs = sorted((name, value) for name, value in pairs.items() if value)
    return b"".join(field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in pairs)


def snappy(plain):
    """Snappy's block format with literals only."""
    out = bytearray(varint(len(plain)))
    for start in range(0, len(plain), 65536):
        part = plain[start:start + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def polls(prefix, count):
    """Requests, each with the number of its samples."""
    series = [labels(one) for one in json.load(open(prefix + ".series.json"))]
    with open(prefix + ".f64", "rb") as file:
        for _ in range(count):
            poll = file.read(8 * (len(series) + 1))
            if not poll:
                return
            at, values = struct.unpack_from("<q", poll)[0], array.array("d", poll[8:])
            present = [(one, value) for one, value in zip(series, values) if not math.isnan(value)]
            sample = lambda value: b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)
            body = b"".join(field(1, one + field(2, sample(value))) for one, value in present)
            yield len(present), snappy(body)


def push(port, path, requests):
    headers = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf",
               "X-Prometheus-Remote-Write-Version": "0.1.0"}
    for attempt in range(100):
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            link.connect()
            break
        except OSError:
            time.sleep(0.2)
    else:
        sys.exit(f"nothing listens on port {port}")
    samples = 0
    for count, body in requests:
        for attempt in range(100):
            link.request("POST", path, body, headers)
            answer = link.getresponse()
            text = answer.read()
            if answer.status // 100 == 2:
                break
            time.sleep(0.2)
        else:
            sys.exit(f"refused with {answer.status}: {text[:200]!r}")
        samples += count
    return samples


def size(folder):
    files = (os.path.join(base, name) for base, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(name) for name in files)


def measure(name, command, port, path, folder, requests):
    with open(os.path.join(folder, "log"), "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        samples = push(port, path, requests)
        time.sleep(5)  # what waits in memory for its flush interval
    finally:
        process.terminate()
        process.wait(60)
    data = size(os.path.join(folder, "data"))
    print(f"{name:<24} {data / samples:8.3f} B/sample   {data} bytes, {samples} samples")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    prefix, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    for program in ("prometheus", "vmagent"):
        if not shutil.which(program):
            sys.exit(f"{program} is not installed")
    with tempfile.TemporaryDirectory() as agent, tempfile.TemporaryDirectory() as vm:
        port, dead = free_port(), free_port()
        with open(os.path.join(agent, "config.yml"), "w") as config:
            config.write(f"remote_write: [{{url: 'http://127.0.0.1:{dead}/write'}}]\n")
        measure("prometheus agent", [
            "prometheus", "--enable-feature=agent", "--web.enable-remote-write-receiver",
            f"--config.file={agent}/config.yml", f"--storage.agent.path={agent}/data",
            f"--web.listen-address=127.0.0.1:{port}"], port, "/api/v1/write", agent, polls(prefix, count))
        port = free_port()
        measure("vmagent", [
            "vmagent", f"-remoteWrite.url=http://127.0.0.1:{dead}/write", f"-remoteWrite.tmpDataPath={vm}/data",
            f"-httpListenAddr=127.0.0.1:{port}"], port, "/api/v1/write", vm, polls(prefix, count))


main()
