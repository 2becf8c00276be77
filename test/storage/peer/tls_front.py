#!/usr/bin/env python3
"""TLS in front of a peer that speaks none: one port, one certificate, counted connections.

    tls_front.py --to PORT --dir D --cert FILE --key FILE [--ca FILE] [--min 1.3] [--max 1.2]

Listens on a free port of 127.0.0.1 and writes it to D/port. --ca asks for a client certificate of that authority. Each handshake
adds a line to D/log: the TLS version, or what went wrong. Ends when its standard input closes.
"""
import argparse
import socket
import ssl
import sys
import threading

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def context_of(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Old versions take part only where the library is told to forget how weak they are.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = VERSIONS[args.min]
    context.maximum_version = VERSIONS[args.max]
    context.load_cert_chain(args.cert, args.key)
    if args.ca:
        context.load_verify_locations(args.ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(plain, context, port, log):
    try:
        secure = context.wrap_socket(plain, server_side=True)
        # With TLS 1.3 a client certificate that is missing shows at the first read only.
        version = secure.version()
    except (OSError, ValueError) as problem:
        log(f"refused {type(problem).__name__}")
        plain.close()
        return
    log(f"open {version}")
    with secure, socket.create_connection(("127.0.0.1", port)) as behind:
        back = threading.Thread(target=pump, args=(behind, secure), daemon=True)
        back.start()
        pump(secure, behind)
        back.join()


def main():
    parser = argparse.ArgumentParser()
    for name in ("to", "dir", "cert", "key", "ca"):
        parser.add_argument("--" + name, required=name != "ca")
    parser.add_argument("--min", default="1.2")
    parser.add_argument("--max", default="1.3")
    args = parser.parse_args()
    context = context_of(args)
    lock = threading.Lock()

    def log(line):
        with lock, open(f"{args.dir}/log", "a", encoding="ascii") as out:
            out.write(line + "\n")

    listener = socket.create_server(("127.0.0.1", 0))
    with open(f"{args.dir}/port", "w", encoding="ascii") as out:
        out.write(f"{listener.getsockname()[1]}\n")

    def accept():
        while True:
            plain, _ = listener.accept()
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(plain, context, int(args.to), log), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
