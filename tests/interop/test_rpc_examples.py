#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples of remote calls: operator_*, files_*, exchange_* and sum_*, each served and called, with wrong input and while servers are killed.

Usage: test_rpc_examples.py [EXAMPLES-DIRECTORY]. Output is TAP.
"""
import decimal
import os
import random
import re
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
from tap import TESTS, Watch, check, check_equal, free_port, line_of, main, random_seed, test, until  # noqa: E402

BUILT = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.environ["LEAT_EXAMPLES"]
RANDOM = random.Random(random_seed())


def built(name):
    return os.path.join(BUILT, name)


def serve(programs, directory, *argv, behind=()):
    """At unix:DIRECTORY/socket: the address and the server, which listens. behind: its words behind the address."""
    path = os.path.join(directory, "socket")
    watch = Watch(path)
    server = programs.start([built(argv[0]), *argv[1:], f"unix:{path}", *behind])
    watch.wait(server)
    return f"unix:{path}", server


def failed(programs, *argv):
    """What it says on stderr, as it ends with 1."""
    status, _, err = programs.outcome(programs.start([built(argv[0]), *argv[1:]]))
    check_equal(status, 1, f"status of {argv}, which said {err!r}")
    return err.decode()


# ---- all servers ----


@test
def each_server_says_where_it_listens_and_how_it_is_started(programs, directory):
    for name, words in (("operator", []), ("directory", []), ("exchange", []), ("sum", []), ("instrument", []), ("rpcbind", []), ("files", [directory])):
        server = programs.start([built(f"{name}_serve"), *words, "tcp:127.0.0.1:0"])
        said = line_of(server.stdout)
        check(re.fullmatch(r"listens at tcp:127\.0\.0\.1:[1-9]\d*", said.strip()), f"{name} said {said!r}")
        check(programs.run([built(f"{name}_serve"), "--help"]).startswith(b"usage: "), f"help of {name}")
        for wrong in (["--nonsense"], [*words, "unix:a"] + 10 * ["b"]):
            status, out, err = programs.outcome(programs.start([built(f"{name}_serve"), *wrong]))
            check_equal((status, out), (2, b""), f"{name} {wrong}")
            check(err.startswith(b"usage: ") and b"An ADDRESS is " in err, f"{name} said {err!r}")
    for wrong in (["sum_serve", "unix:@leat-test-sum", "many"], ["sum_serve", "unix:@leat-test-sum", "-1"], ["files_serve"]):
        programs.run([built(wrong[0]), *wrong[1:]], status=2)
    check("/nowhere" in failed(programs, "files_serve", "/nowhere"), "a folder that is not there")


# ---- the operator ----


def operator_over(scheme):
    def run(programs, directory):
        address = {"unix": f"unix:{directory}/operator", "shm": f"shm:{directory}/operator", "tcp": f"tcp:127.0.0.1:{free_port()}",
                   "udp": f"udp:127.0.0.1:{free_port(socket.SOCK_DGRAM)}"}[scheme]
        server = programs.start([built("operator_serve"), address])
        for words, result in ((("add", "2", "3"), 5), (("subtract", "2", "3"), -1), (("add", "2147483647", "2147483647"), 4294967294),
                              (("subtract", "-2147483648", "2147483647"), -4294967295)):
            check_equal(programs.run([built("operator_call"), *words, address]), b"%d\n" % result, " ".join(words))
        check(server.poll() is None, "the server has ended")

    return f"the operator over {scheme}", run


@test
def an_operator_that_is_not_there(programs, directory):
    said = failed(programs, "operator_call", "add", "2", "3", f"unix:{directory}/nobody?open=now")
    check(directory in said, f"said {said!r}")
    said = failed(programs, "operator_call", "add", "2", "3", "nonsense:")
    check("nonsense:" in said, f"said {said!r}")
    programs.run([built("operator_call"), "multiply", "2", "3"], status=2)


# ---- the file service ----


def file_service(programs, directory):
    folder = os.path.join(directory, "folder")
    os.makedirs(folder, exist_ok=True)
    return (folder, *serve(programs, directory, "files_serve", folder))


def call_files(programs, *words, data=None):
    return programs.run([built("files_call"), *words], data)


@test
def files_are_put_listed_and_got(programs, directory):
    folder, address, server = file_service(programs, directory)
    check_equal(call_files(programs, "list", address), b"", "an empty folder")
    whole = RANDOM.randbytes(200_001)
    call_files(programs, "put", "whole", address, data=whole)
    call_files(programs, "put", "empty", address, data=b"")
    check_equal(call_files(programs, "get", "whole", address), whole, "the bytes")
    check_equal(call_files(programs, "get", "empty", address), b"", "no bytes")
    check_equal(call_files(programs, "list", address).decode().split(), ["0", "empty", "200001", "whole"], "the list")
    said = failed(programs, "files_call", "put", "whole", address)
    check("there already" in said, f"said {said!r}")
    with open(os.path.join(folder, "whole"), "rb") as file:
        check_equal(file.read(), whole, "the file")
    server.send_signal(signal.SIGTERM)
    programs.finish(server)


@test
def a_long_folder_is_listed_in_order(programs, directory):
    folder, address, _ = file_service(programs, directory)
    names = sorted({f"{RANDOM.randrange(10**9)}" for _ in range(250)} | {"x" * 255, "~"}, key=os.fsencode)
    for name in names:
        with open(os.path.join(folder, name), "wb"):
            pass
    check_equal(call_files(programs, "list", address).decode().split()[1::2], names, "the names")


@test
def no_name_leads_out_of_the_folder(programs, directory):
    folder, address, server = file_service(programs, directory)
    with open(os.path.join(directory, "secret"), "wb") as file:
        file.write(b"secret")
    os.mkdir(os.path.join(folder, "sub"))
    os.mkfifo(os.path.join(folder, "fifo"))
    os.symlink("../secret", os.path.join(folder, "link"))
    os.symlink("..", os.path.join(folder, "up"))
    for name in ("../secret", "sub/../../secret", "/etc/passwd", f"{directory}/secret", "link", "up/secret", "../folder/../secret"):
        check("no name in the folder" in (said := failed(programs, "files_call", "get", name, address)), f"{name}: {said!r}")
    for name in ("sub", ".", "fifo"):
        check("no file" in (said := failed(programs, "files_call", "get", name, address)), f"{name}: {said!r}")
    for name in ("nothing", "", "sub/nothing"):
        check("no such file" in (said := failed(programs, "files_call", "get", name, address)), f"{name}: {said!r}")
    for name in ("../new", "up/new", f"{directory}/new"):
        check("no name in the folder" in (said := failed(programs, "files_call", "put", name, address)), f"{name}: {said!r}")
    said = failed(programs, "files_call", "get", "x" * 256, address)
    check("did not run" in said, f"said {said!r}")
    check_equal(sorted(os.listdir(directory)), ["folder", "secret", "socket"], "what lies beside the folder")
    check_equal(call_files(programs, "list", address), b"", "files")
    check(server.poll() is None, "the server has ended")


@test
def names_that_a_terminal_would_obey_are_not_printed(programs, directory):
    folder, address, _ = file_service(programs, directory)
    with open(os.path.join(folder, "a\x1b[2J\n"), "wb"):
        pass
    check_equal(call_files(programs, "list", address), b"         0 a?[2J?\n", "the list")


@test
def writing_goes_on_with_the_next_server(programs, directory):
    """The server is killed behind the first piece, and the others wait for the next server."""
    folder, address, server = file_service(programs, directory)
    client = programs.start([built("files_call"), "put", "whole", address], stdin=subprocess.PIPE)
    path, pieces = os.path.join(folder, "whole"), [RANDOM.randbytes(65536) for _ in range(3)]
    client.stdin.write(pieces[0])
    client.stdin.flush()
    until(lambda: os.path.exists(path) and os.path.getsize(path) == 65536, "the first piece is written")
    server.kill()
    server.wait()
    client.stdin.write(pieces[1] + pieces[2])
    client.stdin.flush()
    file_service(programs, directory)
    programs.finish(client)
    with open(path, "rb") as file:
        check_equal(file.read(), b"".join(pieces), "the file")


@test
def the_socket_may_be_systemds(programs, directory):
    """Two sockets that somebody else made, as docs/rpc.md's files.socket says."""
    folder = os.path.join(directory, "folder")
    os.mkdir(folder)
    with socket.socket(socket.AF_UNIX) as local, socket.socket() as tcp:
        local.bind(os.path.join(directory, "files.sock"))
        tcp.bind(("127.0.0.1", 0))
        port = tcp.getsockname()[1]
        for listener in (local, tcp):
            listener.listen()
        redirect = f"exec 3<&{local.fileno()} 4<&{tcp.fileno()}"
        if (local.fileno(), tcp.fileno()) == (3, 4):
            redirect = ":"
        server = programs.start(["bash", "-c", redirect + '; LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"', "bash", built("files_serve"), folder],
                                pass_fds=(local.fileno(), tcp.fileno()))
    call_files(programs, "put", "a", f"unix:{directory}/files.sock", data=b"by unix")
    check_equal(call_files(programs, "get", "a", f"tcp:127.0.0.1:{port}"), b"by unix", "the file")
    server.send_signal(signal.SIGTERM)
    programs.finish(server)
    check(os.path.exists(os.path.join(directory, "files.sock")), "it removed a socket that is not its own")


# ---- the exchange ----

RATES = {"CZK": "1", "EUR": "24.315", "GBP": "29.105", "USD": "23.20", "JPY": "0.151237"}


def exchange(programs, *words):
    return programs.run([built("exchange_call"), *words]).decode().strip()


@test
def amounts_are_exact(programs, directory):
    address, _ = serve(programs, directory, "exchange_serve")
    check_equal(exchange(programs, "rates", address).splitlines(), [f"{code} {rate}" for code, rate in RATES.items()], "the rates")
    amounts = [("1.00", "EUR", "CZK"), ("3", "EUR", "CZK"), ("0.1", "USD", "CZK"), ("9999999999999.99", "CZK", "CZK")]
    amounts += [(f"{RANDOM.randrange(1, 10**RANDOM.randrange(3, 12)) / 100:.2f}", *RANDOM.choices(list(RATES), k=2)) for _ in range(20)]
    with decimal.localcontext() as context:
        context.prec = 60
        for amount, given, wanted in amounts:
            exact = decimal.Decimal(amount) * decimal.Decimal(RATES[given]) / decimal.Decimal(RATES[wanted])
            rounded = exact.quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_EVEN)
            if rounded > 0:
                check_equal(exchange(programs, "convert", amount, given, wanted, address), str(rounded), f"{amount} {given} in {wanted}")


@test
def what_is_no_amount_is_refused(programs, directory):
    address, server = serve(programs, directory, "exchange_serve")
    for words in (("0", "EUR", "CZK"), ("0.001", "EUR", "CZK"), ("9223372036854775807", "EUR", "CZK"), ("0.01", "JPY", "EUR")):
        check_equal(exchange(programs, "convert", *words, address), "no such amount is exchanged", " ".join(words))
    for words in (("1", "EUR", "SEK"), ("1", "", "CZK"), ("1", "eur", "CZK"), ("1", "EU", "CZK")):
        check_equal(exchange(programs, "convert", *words, address), "there is no such currency", " ".join(words))
    said = failed(programs, "exchange_call", "convert", "1", "EURO", "CZK", address)
    check("did not run" in said, f"said {said!r}")
    for amount in ("-1", "1.2.3", "", ".", "1e3", "9223372036854775808", "1.0000001", "nan"):
        programs.run([built("exchange_call"), "convert", amount, "EUR", "CZK", address], status=2)
    check(server.poll() is None, "the server has ended")


@test
def a_trade_changes_the_stock(programs, directory):
    address, _ = serve(programs, directory, "exchange_serve")
    check_equal(exchange(programs, "trade", "100.50", "EUR", "USD", address), "receipt 1: 105.33", "the receipt")
    check_equal(exchange(programs, "trade", "0.01", "CZK", "CZK", address), "receipt 2: 0.01", "the receipt")
    check_equal([exchange(programs, "stock", code, address) for code in ("EUR", "USD", "CZK")], ["5100.50", "4894.67", "1000000.00"], "the stock")
    check_equal(exchange(programs, "trade", "100000", "EUR", "GBP", address), "there is not so much", "too much")
    check_equal(exchange(programs, "stock", "GBP", address), "5000.00", "the stock")


# ---- the sum ----


@test
def workers_add_up(programs, directory):
    address, server = serve(programs, directory, "sum_serve", behind=["3"])
    for calls in ("1", "4", "64"):
        out = programs.run([built("sum_call"), "1", "999999", calls, address]).decode().splitlines()
        check_equal(out[0], "27000000", f"the sum by {calls} calls")
        check(re.fullmatch(rf"one call: [\d.]+ s; {calls} calls: [\d.]+ s; [\d.]+ times as fast", out[1]), f"said {out[1]!r}")
    for words in (("5", "1", "2"), ("1", "9", "0"), ("1", "9", "65"), ("1", "2", "4"), ("1", "99")):
        programs.run([built("sum_call"), *words], status=2)
    said = failed(programs, "sum_call", "0", str(2**64 - 1), "1", address)
    check(server.poll() is None, f"the server has ended; its client said {said!r}")


@test
def nobody_computes_for_nobody(programs, directory):
    """All workers have far too much to do, for a caller who is killed: the next caller is served."""
    address, server = serve(programs, directory, "sum_serve", behind=["1"])
    client = programs.start([built("sum_call"), "1", str(10**16), "1", address])
    with open(f"/proc/{server.pid}/stat", encoding="ascii") as stat:
        def ticks():
            stat.seek(0)
            return sum(int(field) for field in stat.read().rpartition(")")[2].split()[11:13])
        first = ticks()
        until(lambda: ticks() > first + 1, "a worker computes")
    client.kill()
    client.wait()
    out = programs.run([built("sum_call"), "1", "9999", "2", address]).decode().splitlines()
    check_equal(out[0], "180000", "the sum")


if __name__ == "__main__":
    main([operator_over(scheme) for scheme in ("unix", "tcp", "udp", "shm")] + TESTS)
